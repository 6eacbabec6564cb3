/**
 * Waits as long as the caller likes, for Task and gather: chains of the legs that a store, or a wait
 * hub over it, holds. A chain lives through a store that cannot be asked, and through restarts of a
 * remote one, until its own deadline.
 *
 * One of these belongs to each broker. It starts a hub when somebody waits for the first time.
 */

import { setMaxListeners } from 'node:events';
import {
  invalidParameter,
  notRunning,
  type ResultdError,
  shown,
  storeUnavailable,
} from '../errors.js';
import type {
  ManyWaitRequest,
  ManyWaitResult,
  TaskWaits,
  WaitRequest,
  WaitResult,
} from '../result-backend/task-waits.js';
import type { ResultBackend } from '../result-backend.js';
import { Backoff, isPassing } from '../timing.js';
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

/** How legs of one kind are begun and judged. */
interface Legs<R> {
  /** How long one of them may be, in milliseconds. */
  readonly longestMs: number;
  begin(waits: TaskWaits, timeoutMs: number): { readonly result: Promise<R>; cancel(): void };
  isOver(result: R): boolean;
  isDraining(result: R): boolean;
}

interface LegLimits {
  readonly timeoutMs: number;
  /** When it is given up, if no answer has come. */
  readonly limitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest leg. A hub, or a remote resultd, may make it shorter. */
const LEG_MS = 55_000;
/** The same for a task that is unknown: a remote resultd tells of its outcome, not of its first status. */
const UNKNOWN_LEG_MS = 2_000;
/**
 * How much longer than it was asked for a leg may take to answer. Twice as much after each that was
 * not answered: a large outcome that comes slowly would else be begun again and again.
 */
const GRACE_MS = 2_000;
const LONGEST_GRACE_MS = 600_000;
const LONGEST_PAUSE_MS = 2_000;
const CALLER = 'this process';
const NO_LIMITS = {
  maxWaiters: Number.POSITIVE_INFINITY,
  maxWaitersPerCaller: Number.POSITIVE_INFINITY,
};

export class LongWaits {
  readonly #backend: ResultBackend;
  /** What ends each of the legs that run. */
  readonly #running = new Set<(reason: Error) => void>();
  #waits: Promise<TaskWaits> | undefined;
  #hub: WaitHub | undefined;
  #isClosed = false;

  constructor(backend: ResultBackend) {
    this.#backend = backend;
  }

  /**
   * Waits for a task. Where time is up, the result is what the last leg found. Throws where the store
   * cannot be asked at the deadline, or after `close`; `invalid-parameter` for a time that is none.
   */
  async wait(
    request: Pick<WaitRequest, 'taskId' | 'parts' | 'knownVersions'>,
    limits: WaitLimits,
  ): Promise<WaitResult> {
    let wasKnown = false;
    return this.#chain<WaitResult>(
      {
        longestMs: request.knownVersions?.length === 0 ? UNKNOWN_LEG_MS : LEG_MS,
        begin: (waits, timeoutMs) => waits.wait({ ...request, timeoutMs, caller: CALLER }),
        isOver: ({ reason, snapshot }) => {
          // Between two legs nobody watches: what was known and is not there any more was removed.
          if (snapshot === undefined && wasKnown) return true;
          wasKnown = snapshot !== undefined;
          return reason === 'done' || reason === 'removed';
        },
        isDraining: ({ reason }) => reason === 'draining',
      },
      limits,
    ).then((result) =>
      result.snapshot === undefined && wasKnown ? { ...result, reason: 'removed' } : result,
    );
  }

  /** Waits for many tasks, as one. It ends and fails as `wait` does. */
  async waitMany(
    request: Pick<ManyWaitRequest, 'taskIds' | 'target'>,
    limits: WaitLimits,
  ): Promise<ManyWaitResult> {
    return this.#chain<ManyWaitResult>(
      {
        longestMs: LEG_MS,
        begin: (waits, timeoutMs) => waits.waitMany({ ...request, timeoutMs, caller: CALLER }),
        isOver: ({ isComplete }) => isComplete,
        isDraining: ({ isDraining }) => isDraining,
      },
      limits,
    );
  }

  /** Ends every wait with an error, and stops the hub. The backend must still be running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of [...this.#running]) end(notRunning('shut down'));
    await this.#waits?.catch(() => {});
    await this.#hub?.stop();
  }

  async #chain<R>(legs: Legs<R>, limits: WaitLimits): Promise<R> {
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, onFailure } = limits;
    // Anything else that is no number would be no deadline, and no pause between two legs.
    if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
      throw invalidParameter(
        `timeoutMs is ${shown(timeoutMs)}: it must be a number of milliseconds`,
      );
    }
    const deadline = performance.now() + timeoutMs;
    const backoff = new Backoff(LONGEST_PAUSE_MS);
    let hasFailed = false;
    let graceMs = GRACE_MS;
    for (;;) {
      const leftMs = Math.max(0, deadline - performance.now());
      const began = performance.now();
      const legMs = hasFailed ? 0 : Math.min(leftMs, legs.longestMs);
      // No longer than the caller waits, but for the least that a leg is given.
      const limitMs = Math.round(legMs + Math.max(GRACE_MS, Math.min(graceMs, leftMs - legMs)));
      try {
        // After a failure the first leg is a read at once: it may tell what nobody has heard of.
        const result = await this.#leg(legs, { timeoutMs: legMs, limitMs, signal });
        if (legs.isOver(result) || deadline <= performance.now()) return result;
        hasFailed = false;
        if (legs.isDraining(result)) await backoff.pause(deadline - performance.now(), signal);
        else backoff.reset();
      } catch (error) {
        const isLate = deadline <= performance.now();
        if (!isPassing(error) || this.#isClosed || isLate || signal?.aborted) throw error;
        if (!hasFailed) onFailure?.(error);
        hasFailed = true;
        const wasSilent = performance.now() - began >= limitMs;
        graceMs = wasSilent ? Math.min(graceMs * 2, LONGEST_GRACE_MS) : graceMs;
        await backoff.pause(deadline - performance.now(), signal);
      }
    }
  }

  /** One leg; ended early by the signal, by `close`, and where no answer comes in time. */
  async #leg<R>(legs: Legs<R>, { timeoutMs, limitMs, signal }: LegLimits): Promise<R> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw notRunning('shut down');
    let end!: (reason: unknown) => void;
    const ended = new Promise<never>((_, reject) => {
      end = reject;
    });
    const onAbort = (): void => end(signal!.reason);
    const onSilence = (): void => end(storeUnavailable(`no answer came within ${limitMs} ms`));
    const timer = setTimeout(onSilence, limitMs);
    this.#running.add(end);
    if (signal !== undefined) {
      // One signal may end any number of waits.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', onAbort);
    }
    let leg: ReturnType<Legs<R>['begin']> | undefined;
    try {
      const waits = await Promise.race([this.#started(), ended]);
      leg = legs.begin(waits, timeoutMs);
      return await Promise.race([leg.result, ended]);
    } finally {
      clearTimeout(timer);
      this.#running.delete(end);
      signal?.removeEventListener('abort', onAbort);
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
