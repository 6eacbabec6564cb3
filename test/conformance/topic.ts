/**
 * How the suite is put together: a topic is a named table of tests, and each test is given a
 * started backend, shared by its topic, and task ids that nobody else uses.
 *
 * A test that is about the store as a whole (options, life cycle, purging, outages) asks for a
 * store of its own with `freshStore`.
 */
import type { Test } from 'tap';
import type { ResultBackend, ResultBackendOptions, Supports } from '../../src/result-backend.js';
import type { Factory, Fixture } from './factory.js';
import type { Random } from './random.js';

export type Run = (t: Test, context: Context) => Promise<void>;

/** What a test may need of the store. */
export type Need = keyof Supports | 'outage' | 'freeze';

/** The tests of one topic, by name. */
export interface Topic {
  readonly name: string;
  readonly cases: Readonly<Record<string, Run | { readonly needs: Need; readonly run: Run }>>;
}

/** A test for stores that can do something; it is reported as not applying to the others. */
export function needing(needs: Need, run: Run): { readonly needs: Need; readonly run: Run } {
  return { needs, run };
}

/** Longer than any store takes, on a busy machine too. */
const PATIENT_MS = 120_000;

/** One fixture and all backends that were created on it. */
export class Store {
  readonly fixture: Fixture;
  readonly #storeTimeoutMs: number;
  readonly #backends: ResultBackend[] = [];

  constructor(fixture: Fixture, storeTimeoutMs = PATIENT_MS) {
    this.fixture = fixture;
    this.#storeTimeoutMs = storeTimeoutMs;
  }

  /** A backend on this store, not started. `close` shuts it down. */
  create(options?: ResultBackendOptions): ResultBackend {
    const backend = this.fixture.create({ ...options, storeTimeoutMs: this.#storeTimeoutMs });
    this.#backends.push(backend);
    return backend;
  }

  /** A started backend on this store. */
  async start(options?: ResultBackendOptions): Promise<ResultBackend> {
    const backend = this.create(options);
    await backend.startup();
    return backend;
  }

  /** Shuts every backend down, and takes the store down. */
  async close(): Promise<void> {
    for (const backend of this.#backends) await backend.shutdown();
    await this.fixture.close();
  }
}

export class Context {
  /** The topic's own store. */
  readonly store: Store;
  /** A started backend on it. */
  readonly backend: ResultBackend;
  readonly random: Random;
  readonly #factory: Factory;
  #ids = 0;

  constructor(factory: Factory, store: Store, backend: ResultBackend, random: Random) {
    this.#factory = factory;
    this.store = store;
    this.backend = backend;
    this.random = random;
  }

  /** A task id that no other test uses. */
  taskId(): string {
    this.#ids += 1;
    return `task-${this.#ids}`;
  }

  /**
   * Another, empty store, which is taken down when the test ends. A short time-out is for tests that
   * disturb it: what waits for a store that is there must not be quick.
   */
  async freshStore(t: Test, storeTimeoutMs?: number): Promise<Store> {
    const isDisturbed = storeTimeoutMs !== undefined;
    const store = new Store(await this.#factory.open(isDisturbed), storeTimeoutMs);
    t.teardown(() => store.close());
    return store;
  }
}
