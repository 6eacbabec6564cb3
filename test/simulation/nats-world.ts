/** The NATS backend, on each version of the server that can be run here in turn. */
import { NatsBackend } from '../../src/backends/nats/nats-backend.js';
import { NatsServer, natsVersions } from '../support/nats-server.js';
import { type ProxiedStore, proxiedArena } from './proxied-arena.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { World } from './world.js';

/** The only connection of a replica is its subscriber's, too. */
const { 'cut subscribers': _, 'cut commands': __, ...faults } = PROXY_FAULTS;

export async function natsWorld(): Promise<World> {
  const versions = natsVersions();
  const servers = await Promise.all(versions.map((version) => NatsServer.start({ version })));
  const store: ProxiedStore = {
    faults: { told: ['cut all', 'restart'], untold: [...Object.keys(faults), 'restart'] },
    shared: (seed) => servers[seed % servers.length]!,
    start: (seed) => NatsServer.start({ version: versions[(seed / 50) % versions.length]! }),
    create: (port, options) =>
      NatsBackend.fromUrl(`nats://127.0.0.1:${port}?sync_warning=off`, options),
  };
  return {
    name: 'nats',
    arena: (seed) => proxiedArena(seed, store),
    async end() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
