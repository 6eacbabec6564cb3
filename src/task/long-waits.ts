/**
 * Waits as long as the caller likes, for Task and gather: chains of the legs that a store, or a wait
 * hub over it, holds. A chain lives through a store that cannot be asked, and through restarts of a
 * remote one, until its own deadline.
 *
 * One of these belongs to each broker. It starts a hub when somebody waits for the first time.
 */

import {
  invalidParameter,
  notRunning,
  type ResultdError,
  shown,
  storeUnavailable,
} from '../errors.js';
import { NEVER } from '../record/entry.js';
import type {
  ManyWaitRequest,
  ManyWaitResult,
  TaskWaits,
  WaitRequest,
  WaitResult,
} from '../result-backend/task-waits.js';
import type { ResultBackend } from '../result-backend.js';
import { Backoff, Deadline, isPassing, pause } from '../timing.js';
import { WaitHub } from '../wait-hub.js';

/** How long a caller waits, and what it is told meanwhile. */
export interface WaitLimits {
  /** Milliseconds. 0 asks once. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told that the store cannot be asked, once until it can be again; the wait goes on. */
  readonly onFailure?: ((error: ResultdError) => void) | undefined;
}

/** How the legs of a wait are begun, and which of their results ends it. */
interface Legs<R> {
  begin(waits: TaskWaits, timeoutMs: number): { readonly result: Promise<R>; cancel(): void };
  isOver(result: R): boolean;
}

interface LegLimits {
  readonly timeoutMs: number;
  /** When it is given up, if no answer has come. */
  readonly limitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest leg, below the cut-off of the usual proxies. A hub, or a remote resultd, may end it sooner. */
const LEG_MS = 55_000;
/** A leg that ends sooner than this has been sent away, as by a service that shuts down. */
const EARLY_MS = 1_000;
/**
 * How much longer than it was asked for a leg may take to answer. Twice as much after each that was
 * not answered: a large outcome that comes slowly would else be begun again and again.
 */
const GRACE_MS = 2_000;
const LONGEST_GRACE_MS = 600_000;
const CALLER = 'this process';
const NO_LIMITS = {
  maxWaiters: Number.POSITIVE_INFINITY,
  maxWaitersPerCaller: Number.POSITIVE_INFINITY,
};

export class LongWaits {
  readonly #backend: ResultBackend;
  /** Ends the legs that run. */
  readonly #closing = new AbortController();
  #waits: Promise<TaskWaits> | undefined;
  #hub: WaitHub | undefined;

  constructor(backend: ResultBackend) {
    this.#backend = backend;
  }

  /**
   * Waits for a task. Where time is up, the result is what the last leg found. Throws where the store
   * cannot be asked at the deadline, or after `close`; `invalid-parameter` for a time that is none.
   */
  wait(
    request: Pick<WaitRequest, 'taskId' | 'parts' | 'knownVersions' | 'knownUntil'>,
    limits: WaitLimits,
  ): Promise<WaitResult> {
    let { knownUntil } = request;
    return this.#chain<WaitResult>(limits, {
      begin: (waits, timeoutMs) =>
        waits.wait({ ...request, knownUntil, timeoutMs, caller: CALLER }),
      isOver: ({ reason, snapshot }) => {
        if (snapshot !== undefined) knownUntil = snapshot.expiresAt ?? NEVER;
        return reason === 'done' || reason === 'removed';
      },
    });
  }

  /** Waits for many tasks, as one. It ends and fails as `wait` does. */
  waitMany(
    request: Pick<ManyWaitRequest, 'taskIds' | 'target'>,
    limits: WaitLimits,
  ): Promise<ManyWaitResult> {
    return this.#chain<ManyWaitResult>(limits, {
      begin: (waits, timeoutMs) => waits.waitMany({ ...request, timeoutMs, caller: CALLER }),
      isOver: ({ isComplete }) => isComplete,
    });
  }

  /** Ends every wait with an error, and stops the hub. The backend must still be running. */
  async close(): Promise<void> {
    this.#closing.abort(notRunning('shut down'));
    await this.#waits?.catch(() => {});
    await this.#hub?.stop();
  }

  async #chain<R>(limits: WaitLimits, legs: Legs<R>): Promise<R> {
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, onFailure } = limits;
    // Anything else that is no number would be no deadline, and no pause between two legs.
    if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
      throw invalidParameter(
        `timeoutMs is ${shown(timeoutMs)}: it must be a number of milliseconds`,
      );
    }
    const deadline = performance.now() + timeoutMs;
    const backoff = new Backoff();
    let hasFailed = false;
    let graceMs = GRACE_MS;
    for (;;) {
      const began = performance.now();
      const leftMs = Math.max(0, deadline - began);
      // After a failure the first leg is a read at once: it may tell what nobody has heard of.
      const legMs = hasFailed ? 0 : Math.min(leftMs, LEG_MS);
      // No longer than the caller waits, but for the least that a leg is given.
      const limitMs = Math.round(legMs + Math.max(GRACE_MS, Math.min(graceMs, leftMs - legMs)));
      let leastMs = 0;
      try {
        const result = await this.#leg(legs, { timeoutMs: legMs, limitMs, signal });
        const endedAt = performance.now();
        if (legs.isOver(result) || deadline <= endedAt) return result;
        hasFailed = false;
        // The read after a failure, too, was as long as it was to be.
        const isEarly = endedAt - began < Math.min(EARLY_MS, legMs / 2);
        if (!isEarly && legMs > 0) backoff.reset();
        if (!isEarly) continue;
      } catch (error) {
        const isEnded = signal?.aborted || this.#closing.signal.aborted;
        if (!isPassing(error) || isEnded || deadline <= performance.now()) throw error;
        if (!hasFailed) onFailure?.(error);
        hasFailed = true;
        const wasSilent = performance.now() - began >= limitMs;
        graceMs = wasSilent ? Math.min(graceMs * 2, LONGEST_GRACE_MS) : graceMs;
        leastMs = error.retryAfterMs ?? 0;
      }
      const pauseMs = Math.min(Math.max(backoff.next(), leastMs), deadline - performance.now());
      await pause(pauseMs, signal, this.#closing.signal);
    }
  }

  /** One leg; ended early by the signal, by `close`, and where no answer comes in time. */
  async #leg<R>(legs: Legs<R>, { timeoutMs, limitMs, signal }: LegLimits): Promise<R> {
    const late = (): Error => storeUnavailable(`no answer came within ${limitMs} ms`);
    const deadline = new Deadline(limitMs, late, signal, this.#closing.signal);
    let leg: ReturnType<Legs<R>['begin']> | undefined;
    try {
      const waits = await deadline.race(this.#started());
      leg = legs.begin(waits, timeoutMs);
      return await deadline.race(leg.result);
    } finally {
      deadline.clear();
      leg?.cancel();
    }
  }

  /** The store's own waits, else those of a hub, which is started once. */
  #started(): Promise<TaskWaits> {
    this.#waits ??= this.#start().catch((error: unknown) => {
      this.#waits = undefined;
      throw error;
    });
    return this.#waits;
  }

  async #start(): Promise<TaskWaits> {
    await this.#backend.startup();
    const own = this.#backend.waits();
    if (own !== undefined) return own;
    const hub = new WaitHub(this.#backend, NO_LIMITS);
    await hub.start();
    this.#hub = hub;
    return hub;
  }
}
