/**
 * The PostgreSQL backend: two replicas of the service, each with connections of its own, behind a
 * proxy that misbehaves. Few schedules have a server of their own, which is killed and started again.
 */
import { PostgresBackend } from '../../src/backends/postgres/postgres-backend.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { PostgresServer } from '../support/postgres-server.js';
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

export async function postgresWorld(): Promise<World> {
  const shared = await PostgresServer.start({ settings: ['max_connections = 600'] });
  return {
    name: 'postgres',
    async arena(seed) {
      if (seed % KILLED_EVERY !== 0) return openArena(seed, shared, FAULTS);
      const own = await PostgresServer.start();
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

async function openArena(seed: number, server: PostgresServer, faults: Faults): Promise<Arena> {
  const proxy = await FaultProxy.start(server.port);
  const namespace = `s${seed}`;
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres?connections=2`;
  let isKilled = false;
  return {
    faults,
    replicas: 2,
    async open({ storeTimeoutMs }) {
      const backend = PostgresBackend.fromUrl(url, { namespace, storeTimeoutMs });
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
