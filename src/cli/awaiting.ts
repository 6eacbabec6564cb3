/**
 * Waits for one task or for many, as long as it takes: leg after leg, each of which the store or the
 * service bounds, and through times when it cannot be asked.
 */
import type { ResultBackend } from '../result-backend.js';
import type { Parts } from '../task-entry.js';
import type { TaskSnapshot } from '../task-snapshot.js';
import { WaitHub } from '../wait-hub.js';
import type { TaskWaits } from '../waits/task-waits.js';
import { isPassing, pauseBefore } from './retrying.js';

export interface AwaitOptions {
  /** Which bytes of the outcomes are wanted. */
  readonly parts: Parts;
  /** Milliseconds; `Infinity` for without end. */
  readonly timeoutMs: number;
  /** Told once where it cannot be asked, and waiting goes on. */
  readonly onFailure: (error: Error) => void;
  /** Ends the waiting: nothing more is found. */
  readonly signal: AbortSignal;
}

/** One task, ready or (snapshot undefined) gone. */
export interface Found {
  readonly taskId: string;
  readonly snapshot: TaskSnapshot | undefined;
}

/** The longest leg: the service's own maximum may be shorter. */
const LEG_MS = 50_000;
const CALLER = 'command line';
/** The waits of a store end a little early, at random: what is left then is not waited for. */
const LEAST_LEG_MS = 5;

export class Awaiting {
  readonly #backend: ResultBackend;
  readonly #options: AwaitOptions;
  readonly #deadline: number;
  #hub: WaitHub | undefined;
  #failures = 0;

  constructor(backend: ResultBackend, options: AwaitOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#deadline = performance.now() + options.timeoutMs;
  }

  /**
   * The task when it is ready or gone; undefined where time is up or the signal came. Rejects where
   * the store could not be asked up to the end.
   */
  async one(taskId: string): Promise<Found | undefined> {
    const { parts } = this.#options;
    let wasKnown = false;
    return this.#inLegs(async (waits, timeoutMs) => {
      const wait = waits.wait({ taskId, parts, timeoutMs, caller: CALLER });
      const { reason, snapshot } = await this.#settled(wait);
      if (reason === 'removed' || (snapshot === undefined && wasKnown)) {
        return { taskId, snapshot: undefined };
      }
      wasKnown ||= snapshot !== undefined;
      return snapshot?.ready === true ? { taskId, snapshot } : undefined;
    });
  }

  /** At least one of the tasks, as `one`; those that became ready at the same time too. */
  async some(taskIds: readonly string[]): Promise<Found[] | undefined> {
    const { parts } = this.#options;
    return this.#inLegs(async (waits, timeoutMs) => {
      const wait = waits.waitMany({ taskIds, target: 1, timeoutMs, caller: CALLER });
      const { ready } = await this.#settled(wait);
      if (ready.size === 0) return undefined;
      const ids = [...ready.keys()];
      const snapshots = await this.#backend.getMany(ids, parts);
      return ids.map((taskId, index) => {
        const snapshot = snapshots[index];
        // One that was taken and registered anew meanwhile has not been seen ready by anybody.
        return { taskId, snapshot: snapshot?.ready === true ? snapshot : undefined };
      });
    });
  }

  async stop(): Promise<void> {
    await this.#hub?.stop();
  }

  /** Leg after leg, until one finds something. */
  async #inLegs<T>(
    leg: (waits: TaskWaits, timeoutMs: number) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { signal, onFailure } = this.#options;
    let isFirst = true;
    for (;;) {
      const leftMs = this.#deadline - performance.now();
      if (signal.aborted || (leftMs < LEAST_LEG_MS && !isFirst)) return undefined;
      isFirst = false;
      try {
        const waits = await this.#waits();
        const found = await leg(waits, Math.max(1, Math.min(leftMs, LEG_MS)));
        this.#failures = 0;
        if (found !== undefined) return found;
      } catch (error) {
        if (signal.aborted) return undefined;
        const stillMs = this.#deadline - performance.now();
        if (!isPassing(error) || stillMs <= LEAST_LEG_MS) throw error;
        if (this.#failures === 0) onFailure(error);
        await pauseBefore(this.#failures, stillMs, signal);
        this.#failures += 1;
      }
    }
  }

  async #waits(): Promise<TaskWaits> {
    await this.#backend.startup();
    const waits = this.#backend.waits() ?? this.#hub;
    if (waits !== undefined) return waits;
    const hub = new WaitHub(this.#backend);
    await hub.start();
    this.#hub = hub;
    return hub;
  }

  /** The result of a wait; where the signal comes first the wait is given up, and this rejects. */
  #settled<T>({ result, cancel }: { readonly result: Promise<T>; cancel(): void }): Promise<T> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        cancel();
        reject(new Error('given up'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
      if (signal.aborted) giveUp();
    });
  }
}
