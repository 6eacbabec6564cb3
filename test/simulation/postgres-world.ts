/** The PostgreSQL backend. */
import { PostgresHere } from '../support/postgres-here.js';
import { PostgresServer } from '../support/postgres-server.js';
import { type ProxiedStore, proxiedArena } from './proxied-arena.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { World } from './world.js';

/** A connection is a process of the server: on a busy machine it takes a while to make one. */
const TIMEOUT_TIMES = 4;

export async function postgresWorld(): Promise<World> {
  const shared = await PostgresServer.start({ settings: ['max_connections = 600'] });
  const store: ProxiedStore = {
    faults: {
      told: ['cut subscribers', 'restart'],
      untold: [...Object.keys(PROXY_FAULTS), 'restart'],
    },
    shared: () => shared,
    start: () => PostgresServer.start(),
    create: (port, options) =>
      PostgresHere.fromUrl(`postgres://postgres@127.0.0.1:${port}/postgres?connections=2`, {
        ...options,
        storeTimeoutMs: TIMEOUT_TIMES * options.storeTimeoutMs,
      }),
  };
  return {
    name: 'postgres',
    arena: (seed) => proxiedArena(seed, store),
    end: () => shared.stop(),
  };
}
