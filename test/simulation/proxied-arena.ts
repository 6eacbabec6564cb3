/**
 * An arena on a server behind a proxy that misbehaves: two replicas of the service, each with
 * connections of its own.
 */
import type { ResultBackend, ResultBackendOptions } from '../../src/result-backend.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { Faults } from './schedule.js';
import type { Arena } from './world.js';

/** One schedule in so many is about a server of its own, which is killed and started again. */
const KILLED_EVERY = 50;

export interface ProxiedServer {
  readonly port: number;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProxiedStore {
  /** What can go wrong on the way to the server, beside what can with it. */
  readonly faults: Faults;
  /** The server that most schedules share. */
  shared(seed: number): ProxiedServer;
  /** One that keeps what it acknowledges. */
  start(seed: number): Promise<ProxiedServer>;
  /** A backend on the server that answers on this port. */
  create(port: number, options: ResultBackendOptions & { storeTimeoutMs: number }): ResultBackend;
}

export async function proxiedArena(seed: number, store: ProxiedStore): Promise<Arena> {
  if (seed % KILLED_EVERY !== 0) return openArena(seed, store, store.shared(seed), store.faults);
  const own = await store.start(seed);
  const kill = { told: ['kill', 'restart'], untold: ['kill', 'cut all'] };
  const arena = await openArena(seed, store, own, kill);
  return {
    ...arena,
    async end() {
      await arena.end();
      await own.stop();
    },
  };
}

async function openArena(
  seed: number,
  store: ProxiedStore,
  server: ProxiedServer,
  faults: Faults,
): Promise<Arena> {
  const proxy = await FaultProxy.start(server.port);
  const namespace = `s${seed}`;
  let isKilled = false;
  return {
    faults,
    replicas: 2,
    async open({ storeTimeoutMs }) {
      const backend = store.create(proxy.port, { namespace, storeTimeoutMs });
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
