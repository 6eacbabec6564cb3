/**
 * Group commit: writes that arrive while a transaction is being synced share the next one.
 *
 * One transaction runs at a time, so that all its writes are acknowledged by one sync, and that a
 * failed one can be dealt with before the next begins. A write that fails while it is planned fails
 * alone; one that fails while it is written undoes its whole group. The queue is bounded.
 */
import { overloaded } from '../../errors.js';

/** What one write found, and what it puts. */
export interface Plan<T> {
  readonly result: T;
  readonly puts: readonly (() => void)[];
}

interface WriteQueueOptions<S> {
  /**
   * Runs `write`, which says about how many bytes it put, in one transaction of the store. Resolves
   * once that is synced.
   */
  readonly commit: (write: (store: S) => number) => Promise<void>;
  /** Writes that may wait. Default: 20,000. */
  readonly maxWrites?: number;
  /** Their bytes in sum; a single write of any size is let in. Default: 256 MiB. */
  readonly maxBytes?: number;
}

/** What came of a write: its result once it is synced, or why it was not made. */
type Settled<T> = { readonly result: T } | { readonly error: unknown };

interface Write<S> {
  readonly bytes: number;
  readonly plan: (store: S) => Plan<unknown>;
  readonly settle: (settled: Settled<unknown>) => void;
  settled: Settled<unknown>;
}

const NOT_PLANNED: Settled<unknown> = { result: undefined };

/** A group runs in one turn of the event loop: this bounds how long that turn takes. */
const GROUP_WRITES = 500;
const GROUP_BYTES = 32 * 1_024 * 1_024;

export class WriteQueue<S> {
  readonly #commit: WriteQueueOptions<S>['commit'];
  readonly #maxWrites: number;
  readonly #maxBytes: number;
  #waiting: Write<S>[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #onIdle: (() => void) | undefined;

  constructor(options: WriteQueueOptions<S>) {
    this.#commit = options.commit;
    this.#maxWrites = options.maxWrites ?? 20_000;
    this.#maxBytes = options.maxBytes ?? 256 * 1_024 * 1_024;
  }

  /** As `add`, for one write. Throws what `add` gives as its error. */
  run<T>(bytes: number, plan: (store: S) => Plan<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.add<T>(bytes, plan, (settled) => {
        if ('error' in settled) reject(settled.error);
        else resolve(settled.result);
      });
    });
  }

  /**
   * Carries out one write of about `bytes` bytes. `plan` is called within the transaction; `settle`
   * is called once. The error is `overloaded` where too many are waiting, else what `plan` or the
   * commit threw.
   */
  add<T>(bytes: number, plan: (store: S) => Plan<T>, settle: (settled: Settled<T>) => void): void {
    const isFull =
      this.#waiting.length >= this.#maxWrites ||
      (this.#waiting.length > 0 && this.#waitingBytes + bytes > this.#maxBytes);
    if (isFull) {
      const held = `${this.#waiting.length} writes (${this.#waitingBytes} bytes)`;
      settle({
        error: overloaded(`${held} are waiting for the disk already: try again in a moment`),
      });
      return;
    }
    this.#waiting.push({
      bytes,
      plan,
      settle: settle as (settled: Settled<unknown>) => void,
      settled: NOT_PLANNED,
    });
    this.#waitingBytes += bytes;
    if (!this.#isRunning) void this.#drain();
  }

  /** Resolves once no write is waiting or running. */
  async idle(): Promise<void> {
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // Those who write again as soon as they are answered get into the same group.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#runGroup();
    }
    this.#isRunning = false;
    this.#onIdle?.();
  }

  async #runGroup(): Promise<void> {
    let group: Write<S>[] = [];
    try {
      await this.#commit((store) => {
        group = this.#takeGroup();
        let bytes = 0;
        for (const write of group) bytes += carryOut(write, store);
        return bytes;
      });
    } catch (error) {
      // A transaction that could not begin has taken none: the first group fails all the same.
      if (group.length === 0) group = this.#takeGroup();
      for (const write of group) write.settle('error' in write.settled ? write.settled : { error });
      return;
    }
    for (const write of group) write.settle(write.settled);
  }

  #takeGroup(): Write<S>[] {
    let count = 0;
    let bytes = 0;
    while (count < Math.min(this.#waiting.length, GROUP_WRITES) && bytes < GROUP_BYTES) {
      bytes += this.#waiting[count]!.bytes;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }
}

/** Says about how many bytes it put: at least 1 where it put anything. Throws only while it puts. */
function carryOut<S>(write: Write<S>, store: S): number {
  let plan: Plan<unknown>;
  try {
    plan = write.plan(store);
  } catch (error) {
    write.settled = { error };
    return 0;
  }
  write.settled = plan;
  for (const put of plan.puts) put();
  return plan.puts.length === 0 ? 0 : Math.max(1, write.bytes);
}
