/**
 * A backend on a store that can run neither our code nor a script, but can write one value on the
 * condition that it is at a given revision: it loads, lets `decide` say what to write, and swaps. A
 * swap that lost is loaded and decided again; a task that is made is first tried without a load.
 *
 * What arrives in one turn of the event loop is loaded together and swapped together.
 */

import { loadedBytes, type Parts, type TaskEntry } from '../record/entry.js';
import { ResultBackend } from '../result-backend.js';
import type { Command, Reply } from './commands.js';
import type {
  CompareAndSwapLimits,
  Load,
  Loaded,
  Swap,
  SwapResult,
} from './compare-and-swap-types.js';
import type { Consumed } from './decide.js';
import { Gathering } from './gathering.js';
import { TaskLane } from './task-lane.js';
import type { ResultBackendOptions } from './types.js';

export type * from './compare-and-swap-types.js';

/** What a task costs in a call beside its records. */
const TASK_BYTES = 300;
const MAX_TASKS = 500;
const MAX_BYTES = 8 * 1_024 * 1_024;

/**
 * What a store must hold to:
 *
 * - A task's value (entry and remembered consumes) is stored, replaced and removed as one.
 * - A revision stands for one value of one task and never comes back, not after a removal either.
 * - A swap is carried out, and told to subscribers, only where the task is still at `from.revision`,
 *   in one atomic step. `won` is answered once that is as durable as the store promises.
 * - `lost` says for sure that nothing was stored. Where it is not known whether a swap was carried
 *   out (the connection was cut, time was up) that is an error, and the store does not ask again by
 *   itself: a consume that was carried out, and is asked for again, would lose its outcome.
 * - A load sees every swap that was won before it was asked for, in any process.
 *
 * An expiry is judged when a command is decided, a moment before its swap: no condition of the swap
 * tells of it.
 *
 * Beside the two primitives there are `_startup`, `_shutdown`, `_ping` and `_subscribe`, `_now`
 * where the store has a clock, and `_list` and `_count` where it can list.
 */
export abstract class CompareAndSwapBackend<Revision> extends ResultBackend {
  readonly #loads: Gathering<Load, Loaded<Revision>>;
  readonly #swaps: Gathering<Swap<Revision>, SwapResult>;
  /** The lanes that have something to do, by namespace and id. */
  readonly #lanes = new Map<string, TaskLane<Revision>>();

  constructor(options: ResultBackendOptions = {}, { loads, swaps }: CompareAndSwapLimits = {}) {
    super(options);
    const limits = {
      maxItems: MAX_TASKS,
      maxBytes: MAX_BYTES,
      callsAtOnce: Number.POSITIVE_INFINITY,
    };
    this.#loads = new Gathering({
      carryOut: (items) => this.#loadAll(items),
      bytesOf: () => 0,
      limits: { ...limits, ...loads },
    });
    this.#swaps = new Gathering({
      carryOut: (items) => this.#swapAll(items),
      bytesOf: swapBytes<Revision>,
      limits: { ...limits, ...swaps },
    });
  }

  /**
   * What is stored of each task, with at least what is asked for, or why that could not be learnt,
   * in order. No task comes twice. Where they are large it may answer the first ones only, at least
   * one: it is asked for the others again. Throws where the store could not be asked at all.
   */
  protected abstract _load(loads: readonly Load[]): Promise<readonly (Loaded<Revision> | Error)[]>;

  /**
   * Carries out each swap by itself, and tells what became of it, in order. No task comes twice.
   * Throws where it is not known, or could not be asked, of any of them.
   */
  protected abstract _swap(
    swaps: readonly Swap<Revision>[],
  ): Promise<readonly (SwapResult | Error)[]>;

  protected async _read(
    namespace: string,
    taskId: string,
    parts: Parts,
  ): Promise<TaskEntry | undefined> {
    const load: Load = { namespace, taskId, parts, isForSwap: false };
    return (await this.#loads.add(() => load)).entry;
  }

  protected _execute(namespace: string, command: Command): Promise<Reply> {
    const { taskId } = command;
    const key = keyOf({ namespace, taskId });
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new TaskLane({ namespace, taskId }, this.#store, () => this.#lanes.delete(key));
      this.#lanes.set(key, lane);
    }
    return lane.execute(command);
  }

  readonly #store = {
    load: (begin: () => Load) => this.#loads.add(begin),
    swap: (begin: () => Swap<Revision>) => this.#swaps.add(begin),
    now: () => this._now(),
  };

  /** Those who ask for one task share its load. */
  async #loadAll(
    loads: readonly Load[],
  ): Promise<readonly (Loaded<Revision> | Error | undefined)[]> {
    const places = new Map<string, number>();
    const distinct: Load[] = [];
    const placeOf = loads.map((load) => {
      const key = keyOf(load);
      const place = places.get(key);
      if (place === undefined) {
        places.set(key, distinct.length);
        return distinct.push(load) - 1;
      }
      distinct[place] = both(distinct[place]!, load);
      return place;
    });
    const loaded = await this._load(distinct);
    if (loaded.length === 0) throw new Error(`none of ${distinct.length} loads was answered`);
    return placeOf.map((place) => loaded[place]);
  }

  /** A swap without an answer may have been carried out: it is not asked for again. */
  async #swapAll(swaps: readonly Swap<Revision>[]): Promise<(SwapResult | Error)[]> {
    const results = await this._swap(swaps);
    return swaps.map((_, at) => results[at] ?? new Error('a swap was not answered'));
  }
}

function keyOf({ namespace, taskId }: { namespace: string; taskId: string }): string {
  return `${namespace}/${taskId}`;
}

function both(a: Load, b: Load): Load {
  const parts = { body: a.parts.body || b.parts.body, log: a.parts.log || b.parts.log };
  return { ...a, parts, isForSwap: a.isForSwap || b.isForSwap };
}

function swapBytes<Revision>({ to }: Swap<Revision>): number {
  const sum = (bytes: number, { entry }: Consumed): number => bytes + loadedBytes(entry);
  return TASK_BYTES + (to === undefined ? 0 : to.consumed.reduce(sum, loadedBytes(to.entry)));
}
