/**
 * Writers and waiters that go on while servers come and go, and the laws that must hold for them:
 * only `store-unavailable` is ever met, a retry mends it, a waiter that is parked before a write is
 * answered with it, an acknowledged outcome stays, and a version never stands for two contents.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { RedisBackend, type RedisBackendOptions } from '../../src/backends/redis/redis-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { WITH_BODY } from '../../src/record/entry.js';
import { WaitHub } from '../../src/wait-hub.js';

const RETRY_MS = 20;
/** Longer than any failover takes, on a busy machine too. */
const WAIT_MS = 200_000;

/** A backend that is shut down when the test ends. */
export async function connect(t: Test, url: string, options: RedisBackendOptions = {}) {
  const backend = RedisBackend.fromUrl(url, { storeTimeoutMs: 5_000, ...options });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

export class RedisLoad {
  readonly acknowledged = new Map<string, string>();
  /** Codes of the errors that calls met, and broken laws in words. */
  readonly met = new Set<string>();
  answeredWaits = 0;
  readonly #backend: RedisBackend;
  readonly #hub: WaitHub;
  readonly #contents = new Map<string, string>();
  readonly #nextId: () => string;
  #isOver = false;
  #writers: Promise<unknown> = Promise.resolve();

  private constructor(backend: RedisBackend, nextId: () => string) {
    this.#backend = backend;
    this.#hub = new WaitHub(backend, { safetyNetMs: 2_000, maxWaitMs: WAIT_MS });
    this.#nextId = nextId;
  }

  static async start(backend: RedisBackend, nextId: () => string = randomUUID): Promise<RedisLoad> {
    const load = new RedisLoad(backend, nextId);
    await load.#hub.start();
    load.#writers = Promise.all(Array.from({ length: 8 }, () => load.#write()));
    return load;
  }

  /** Ends it, and checks the laws. */
  async check(t: Test): Promise<void> {
    this.#isOver = true;
    await this.#writers;
    await this.#hub.stop();
    t.comment(`${this.acknowledged.size} acknowledged, ${this.answeredWaits} waits answered`);
    t.strictSame(
      [...this.met].filter((code) => code !== 'store-unavailable'),
      [],
    );
    const ids = [...this.acknowledged.keys()];
    const found = await this.#backend.getMany(ids, WITH_BODY);
    const lost = ids.filter(
      (taskId, at) => found[at]?.outcome?.toString() !== this.acknowledged.get(taskId),
    );
    t.equal(lost.length, 0, `no acknowledged outcome of ${ids.length} is lost`);
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      const taskId = this.#nextId();
      const wait = this.#hub.wait({ taskId, parts: WITH_BODY, timeoutMs: WAIT_MS, caller: 'test' });
      const waited = wait.result.then(
        ({ reason, snapshot }) => {
          if (reason !== 'done') this.met.add(`a wait ended with ${reason}`);
          this.#saw(snapshot?.version, snapshot?.outcome);
          this.answeredWaits += 1;
        },
        (error: ResultdError) => this.met.add(error.code),
      );
      await this.#retried(() => this.#backend.setProgress(taskId, { state: 'STARTED' }));
      await this.#retried(() =>
        this.#backend.setResult(taskId, { returnValue: `${taskId} 1` }, { mode: 'create' }),
      );
      await waited;
      await this.#retried(() => this.#backend.setResult(taskId, { returnValue: `${taskId} 2` }));
      const read = await this.#retried(() => this.#backend.getResult(taskId));
      this.#saw(read?.version, read?.outcome);
      const outcome = read?.outcome?.toString() ?? 'absent';
      if (!outcome.includes(`"${taskId} 2"`)) this.met.add(`acknowledged, then read: ${outcome}`);
      this.acknowledged.set(taskId, outcome);
    }
  }

  /** A version that was seen stands for this content, and for no other ever. */
  #saw(version: string | undefined, outcome: Buffer | undefined): void {
    const content = outcome?.toString() ?? '';
    const before = this.#contents.get(version ?? '');
    if (before !== undefined && before !== content) this.met.add(`${version} came back`);
    this.#contents.set(version ?? '', content);
  }

  async #retried<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        this.met.add((error as ResultdError).code ?? String(error));
        if ((error as ResultdError).code !== 'store-unavailable') throw error;
        await pause(RETRY_MS);
      }
    }
  }
}
