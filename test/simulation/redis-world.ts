/** The Redis backend. The server that is killed keeps an append-only file. */
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { RedisServer } from '../support/redis-server.js';
import { type ProxiedStore, proxiedArena } from './proxied-arena.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { World } from './world.js';

export async function redisWorld(): Promise<World> {
  const shared = await RedisServer.start();
  const store: ProxiedStore = {
    faults: {
      told: ['cut subscribers', 'restart'],
      untold: [...Object.keys(PROXY_FAULTS), 'restart'],
    },
    shared: () => shared,
    start: () => RedisServer.start({ appendOnly: true }),
    create: (port, options) => RedisBackend.fromUrl(`redis://127.0.0.1:${port}`, options),
  };
  return {
    name: 'redis',
    arena: (seed) => proxiedArena(seed, store),
    end: () => shared.stop(),
  };
}
