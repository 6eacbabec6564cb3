/**
 * The HTTP backend: two clients of one service, behind a proxy that misbehaves, with the waits that
 * the service holds. Few schedules have a service on a store in LMDB, which is killed and started
 * again; the others have one on memory.
 */
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import { RemoteStore } from '../support/remote-store.js';
import { PROXY_FAULTS } from './proxy-faults.js';
import type { Faults } from './schedule.js';
import type { Arena, World } from './world.js';

/** One schedule in so many is about a service that is killed. */
const KILLED_EVERY = 10;
/** A try has half of a call's time, and takes longer than a store's answer. */
const TIMEOUT_TIMES = 4;

/** A long poll on a half-open connection has nothing to tell: the wait goes on with the next one. */
const ON_THE_WAY = Object.keys(PROXY_FAULTS).filter((fault) => fault !== 'half open');

const FAULTS: Faults = { told: ['cut all', 'restart'], untold: [...ON_THE_WAY, 'restart'] };
const KILL: Faults = { told: ['kill', 'restart'], untold: ['kill', 'cut all'] };

export async function httpWorld(): Promise<World> {
  return {
    name: 'http',
    arena: async (seed) => (seed % KILLED_EVERY === 0 ? arena(KILL) : arena(FAULTS)),
    end: async () => {},
  };
}

function arena(faults: Faults): Arena {
  let starting: Promise<RemoteStore> | undefined;
  let isKilled = false;
  return {
    faults,
    replicas: 2,
    isRepeating: true,
    async open({ safetyNetMs, storeTimeoutMs }) {
      starting ??=
        faults === KILL ? RemoteStore.lmdb({ safetyNetMs }) : RemoteStore.memory({ safetyNetMs });
      const remote = await starting;
      const backend = HttpBackend.fromUrl(remote.url, {
        storeTimeoutMs: TIMEOUT_TIMES * storeTimeoutMs,
      });
      await backend.startup();
      return backend;
    },
    close: (backend) => backend.shutdown(),
    async begin(fault) {
      const remote = await starting!;
      if (fault === 'kill') {
        isKilled = true;
        await remote.kill();
      } else {
        PROXY_FAULTS[fault]!(remote.proxy);
      }
    },
    async heal() {
      const remote = await starting;
      remote?.proxy.heal();
      if (isKilled) await remote?.restart();
      isKilled = false;
    },
    end: async () => (await starting)?.stop(),
  };
}
