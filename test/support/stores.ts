/**
 * The stores that Task and Worker are tested on. Each broker has a namespace of its own, so that
 * tests share a server and nothing else.
 */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Broker, type BrokerOptions } from '../../src/broker.js';
import { RedisServer } from './redis-server.js';
import { RemoteStore } from './remote-store.js';

/** Longer than any store takes, on a busy machine too. */
const PATIENT_MS = 60_000;

export interface Store {
  readonly name: string;
  /** A broker that is shut down at the end of the test. */
  open(t: Test, options?: BrokerOptions): Promise<Broker>;
}

/** The first of them, where one will do. */
export const memory: Store = storeAt('memory', 'memory:');

/** Memory, Redis on a server that ends with the test, and a remote resultd. */
export async function stores(t: Test): Promise<readonly Store[]> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  return [memory, storeAt('redis', redis.url), remote];
}

/** It has one namespace, so each broker has a service of its own. */
const remote: Store = {
  name: 'http',
  async open(t, options = {}) {
    const store = await RemoteStore.memory();
    const broker = await Broker.fromUrl(store.url, { storeTimeoutMs: PATIENT_MS, ...options });
    t.teardown(async () => {
      await broker.shutdown();
      await store.stop();
    });
    return broker;
  },
};

function storeAt(name: string, url: string): Store {
  return {
    name,
    async open(t, options = {}) {
      const namespace = randomBytes(8).toString('hex');
      const broker = await Broker.fromUrl(url, {
        namespace,
        storeTimeoutMs: PATIENT_MS,
        ...options,
      });
      t.teardown(() => broker.shutdown());
      return broker;
    },
  };
}
