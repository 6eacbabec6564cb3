/** What the conformance suite needs of NATS: a server of its own for each store. */
import { NatsBackend } from '../../src/backends/nats/nats-backend.js';
import type { Factory } from '../conformance/factory.js';
import { NatsServer, type NatsVersion } from './nats-server.js';
import { NatsStream } from './nats-stream.js';

export function natsFactory(version: NatsVersion): Factory {
  return {
    name: `nats (${version})`,
    async open() {
      const server = await NatsServer.start({ version });
      return {
        create: (options) => NatsBackend.fromUrl(server.url, options),
        async countStored() {
          const stream = await NatsStream.open(server.port);
          const tasks = await stream.tasks();
          await stream.close();
          return tasks.length;
        },
        outage: { begin: () => server.kill(), end: () => server.restart() },
        freeze: { begin: () => server.freeze(), end: async () => server.thaw() },
        close: () => server.stop(),
      };
    },
  };
}
