/** The Redis backend passes the conformance suite, on a real server for each topic. */
import { Redis } from 'ioredis';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { RedisServer } from '../support/redis-server.js';

const redis: Factory = {
  name: 'redis',
  async open() {
    const server = await RedisServer.start({ appendOnly: true });
    return {
      create: (options) => RedisBackend.fromUrl(server.url, options),
      async countStored() {
        const client = new Redis(server.url);
        const keys = await client.keys('resultd:{*}t:*');
        client.disconnect();
        return keys.length;
      },
      outage: { begin: () => server.kill(), end: () => server.restart() },
      freeze: { begin: async () => server.freeze(), end: async () => server.thaw() },
      close: () => server.stop(),
    };
  },
};

conformance(redis);
