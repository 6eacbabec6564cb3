/**
 * The Redis backend: two replicas of the service, each with connections of its own, behind a proxy
 * that misbehaves. Few schedules have a server of their own, with an append-only file, which is
 * killed and started again.
 */
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisServer } from '../support/redis-server.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { Faults } from './schedule.js';
import type { Arena, World } from './world.js';

/** One schedule in so many is about a server that is killed. */
const KILLED_EVERY = 50;

const FAULTS: Faults = {
  told: ['cut subscribers', 'restart'],
  untold: [...Object.keys(PROXY_FAULTS), 'restart'],
};
const KILL: Faults = { told: ['kill', 'restart'], untold: ['kill', 'cut all'] };

export async function redisWorld(): Promise<World> {
  const shared = await RedisServer.start();
  return {
    name: 'redis',
    async arena(seed) {
      if (seed % KILLED_EVERY !== 0) return openArena(seed, shared, FAULTS);
      const own = await RedisServer.start({ appendOnly: true });
      const arena = await openArena(seed, own, KILL);
      return {
        ...arena,
        async end() {
          await arena.end();
          await own.stop();
        },
      };
    },
    end: () => shared.stop(),
  };
}

async function openArena(seed: number, server: RedisServer, faults: Faults): Promise<Arena> {
  const proxy = await FaultProxy.start(server.port);
  const namespace = `s${seed}`;
  let isKilled = false;
  return {
    faults,
    replicas: 2,
    async open({ storeTimeoutMs }) {
      const backend = RedisBackend.fromUrl(`redis://127.0.0.1:${proxy.port}`, {
        namespace,
        storeTimeoutMs,
      });
      await backend.startup();
      return backend;
    },
    close: (backend) => backend.shutdown(),
    async begin(fault) {
      if (fault === 'kill') {
        isKilled = true;
        await server.kill();
      } else {
        PROXY_FAULTS[fault]!(proxy);
      }
    },
    async heal() {
      proxy.heal();
      if (isKilled) await server.restart();
      isKilled = false;
    },
    end: () => proxy.stop(),
  };
}
