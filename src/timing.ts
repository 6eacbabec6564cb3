/**
 * Time and turns: what may be asked again and how long to pause before it, deadlines, timers of any
 * length, and gates. Pauses grow and are random in full, so that many who failed together do not come
 * back together.
 */
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { ResultdError } from './errors.js';

const FIRST_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** Node's own timers fire at once where they are longer: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Whether the same call may succeed later because the store, or the way to it, is well again. */
export function isPassing(error: unknown): error is ResultdError {
  return error instanceof ResultdError && error.retryable && error.code !== 'not-ready';
}

/** Pauses between attempts, from some 50 ms on, each up to twice as long as the one before. */
export class Backoff {
  readonly #longestMs: number;
  readonly #firstMs: number;
  #nextMs: number;

  constructor(longestMs = LONGEST_PAUSE_MS, firstMs = FIRST_MS) {
    this.#longestMs = longestMs;
    this.#firstMs = firstMs;
    this.#nextMs = firstMs;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }

  /** How long the next pause is, in milliseconds; the one after it is longer. */
  next(): number {
    const ms = (0.1 + 0.9 * Math.random()) * this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, this.#longestMs);
    return ms;
  }

  /** Pauses, for `limitMs` at the most. Rejects with the signal's reason where that aborts. */
  async pause(limitMs: number, signal?: AbortSignal): Promise<void> {
    await pause(Math.min(this.next(), limitMs), signal);
    signal?.throwIfAborted();
  }
}

/** What ends work that has not come to its end by then: time, or a signal. To be cleared after use. */
export class Deadline {
  #end!: (reason: unknown) => void;
  readonly #ended = new Promise<never>((_, reject) => {
    this.#end = reject;
  });
  readonly #signals: AbortSignal[];
  readonly #stopTimer: () => void;

  /** `late` makes the error of what is out of time. */
  constructor(ms: number, late: () => Error, ...signals: (AbortSignal | undefined)[]) {
    this.#ended.catch(() => {});
    this.#stopTimer = startTimer(ms, () => this.#end(late()));
    this.#signals = signals.filter((signal) => signal !== undefined);
    for (const signal of this.#signals) {
      if (signal.aborted) this.#end(signal.reason);
      // One signal may end any number of deadlines.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', this.#onAbort);
    }
  }

  /** What the work comes to. Rejects with the error of being late, or with the signal's reason. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#ended, work]);
  }

  /** Resolves when time is up, or a signal has aborted. */
  passed(): Promise<void> {
    return this.#ended.catch(() => {});
  }

  clear(): void {
    this.#stopTimer();
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = ({ target }: Event): void => this.#end((target as AbortSignal).reason);
}

/** What the work comes to, unless time is up, or a signal aborts, before that: see `Deadline`. */
export async function within<T>(
  work: Promise<T>,
  ...limits: ConstructorParameters<typeof Deadline>
): Promise<T> {
  const deadline = new Deadline(...limits);
  try {
    return await deadline.race(work);
  } finally {
    deadline.clear();
  }
}

/** Resolves after so many milliseconds, or as soon as a signal aborts. */
export async function pause(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  const deadline = new Deadline(ms, () => new Error('the pause is over'), ...signals);
  await deadline.passed();
  deadline.clear();
}

interface PersistOptions {
  /** For how long to begin new attempts, in milliseconds. */
  readonly withinMs: number;
  /** The longest pause between two attempts, in milliseconds. */
  readonly longestPauseMs: number;
  /** Ends the attempts: then it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure that another attempt follows; `attempt` is 1 for the first. */
  readonly onFailure?: ((error: ResultdError, attempt: number) => void) | undefined;
}

/** Attempts until one succeeds, fails for good, or time is up: then with the last one's error. */
export async function persist<T>(
  call: () => Promise<T>,
  { withinMs, longestPauseMs, signal, onFailure }: PersistOptions,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  const backoff = new Backoff(longestPauseMs);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const leftMs = deadline - performance.now();
      if (!isPassing(error) || leftMs <= 0) throw error;
      onFailure?.(error, attempt);
      await backoff.pause(leftMs, signal);
    }
  }
}

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Resolves in a turn of the event loop that nobody else who asks here has: between two of them all
 * else has its turn. For work that takes milliseconds, and may be asked for by many at once.
 */
export function ownTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => setImmediate());
  return lastTurn;
}

/** Calls `run` after so many milliseconds. Gives back what prevents that. */
export function startTimer(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const nextMs = Math.min(leftMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (leftMs > nextMs ? arm(leftMs - nextMs) : run()), nextMs);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

interface Queued {
  readonly since: number;
  readonly settle: (isLetIn: boolean) => void;
}

/** Lets so many in at a time; the others queue, and the first one is the first to be let in. */
export class Gate {
  readonly #places: number;
  readonly #queue = new Set<Queued>();
  #onIdle: (() => void)[] = [];
  #inside = 0;

  constructor(places: number) {
    this.#places = places;
  }

  get hasRoom(): boolean {
    return this.#inside < this.#places;
  }

  /** How many queue. */
  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Resolves true once there is room, which `leave` gives back; false where `refuse` comes first.
   * `onQueued` is given what leaves the queue: then it never resolves.
   */
  enter(onQueued?: (giveUp: () => void) => void): Promise<boolean> | true {
    if (this.hasRoom) {
      this.#inside += 1;
      return true;
    }
    return new Promise((settle) => {
      const queued = { since: performance.now(), settle };
      this.#queue.add(queued);
      onQueued?.(() => this.#queue.delete(queued));
    });
  }

  /** Hands the room over to who queues longest. */
  leave(): void {
    const [next] = this.#queue;
    if (next !== undefined) {
      this.#queue.delete(next);
      next.settle(true);
      return;
    }
    this.#inside -= 1;
    if (this.#inside === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Sends away all who have queued since then or earlier. */
  refuse(since = performance.now()): void {
    for (const queued of this.#queue) {
      if (queued.since > since) return;
      this.#queue.delete(queued);
      queued.settle(false);
    }
  }

  /** Resolves when nobody is inside. */
  async idle(): Promise<void> {
    if (this.#inside > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}

/** How long a slice of work may take: others wait for the event loop meanwhile. */
const SLICE_MS = 10;

/** Work that is done in slices, with a turn of the event loop for others after each of them. */
export class Slices {
  #since = performance.now();

  /** Whether it is time to rest. */
  get isOver(): boolean {
    return performance.now() - this.#since >= SLICE_MS;
  }

  /** Resolves when others have had their turn. */
  async rest(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}
