/**
 * Waits for one task or for many until a deadline that all of it shares, with the waits of Task: they
 * live through times when the store, or the service, cannot be asked.
 */

import type { Parts } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';
import { LongWaits, type WaitLimits } from '../task/long-waits.js';
import { persist } from '../timing.js';

interface AwaitOptions {
  /** Which bytes of the outcomes are wanted. */
  readonly parts: Parts;
  /** Milliseconds; `Infinity` for without end. */
  readonly timeoutMs: number;
  /** Told where it cannot be asked, and waiting goes on. */
  readonly onFailure: (error: Error) => void;
  /** Ends the waiting: nothing more is found. */
  readonly signal: AbortSignal;
}

/** One task, ready or (snapshot undefined) gone. */
export interface Found {
  readonly taskId: string;
  readonly snapshot: TaskSnapshot | undefined;
}

const LONGEST_PAUSE_MS = 5_000;

export class Awaiting {
  readonly #backend: ResultBackend;
  readonly #waits: LongWaits;
  readonly #options: AwaitOptions;
  readonly #deadline: number;

  constructor(backend: ResultBackend, options: AwaitOptions) {
    this.#backend = backend;
    this.#waits = new LongWaits(backend);
    this.#options = options;
    this.#deadline = performance.now() + options.timeoutMs;
  }

  /**
   * The task when it is ready or gone; undefined where time is up or the signal came. Rejects where
   * the store could not be asked up to the end.
   */
  async one(taskId: string): Promise<Found | undefined> {
    const { parts } = this.#options;
    return this.#unlessAborted(async (limits) => {
      const { reason, snapshot } = await this.#waits.wait({ taskId, parts }, limits);
      if (reason === 'removed') return { taskId, snapshot: undefined };
      return snapshot?.ready === true ? { taskId, snapshot } : undefined;
    });
  }

  /** At least one of the tasks, as `one`; those that became ready at the same time too. */
  async some(taskIds: readonly string[]): Promise<Found[] | undefined> {
    const { parts, signal } = this.#options;
    return this.#unlessAborted(async (limits) => {
      const { ready } = await this.#waits.waitMany({ taskIds, target: 1 }, limits);
      if (ready.size === 0) return undefined;
      const ids = [...ready.keys()];
      const snapshots = await persist(() => this.#backend.getMany(ids, parts), {
        withinMs: this.#leftMs,
        longestPauseMs: LONGEST_PAUSE_MS,
        signal,
      });
      return ids.map((taskId, index) => {
        const snapshot = snapshots[index];
        // One that was taken and registered anew meanwhile has not been seen ready by anybody.
        return { taskId, snapshot: snapshot?.ready === true ? snapshot : undefined };
      });
    });
  }

  async stop(): Promise<void> {
    await this.#waits.close();
  }

  get #leftMs(): number {
    return Math.max(0, this.#deadline - performance.now());
  }

  async #unlessAborted<T>(
    look: (limits: WaitLimits) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { signal, onFailure } = this.#options;
    try {
      return await look({ timeoutMs: this.#leftMs, signal, onFailure });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }
}
