/**
 * A store that can swap, in a map, which keeps what each call of it was asked. It gives what is asked
 * for and no more, and keeps the bytes of an outcome that a swap leaves as it is.
 */
import { type TaskEntry, trimmedEntry } from '../../src/record/entry.js';
import {
  CompareAndSwapBackend,
  type CompareAndSwapLimits,
  type Kept,
  type Load,
  type Loaded,
  type Swap,
  type SwapResult,
  type TaskKey,
} from '../../src/result-backend/compare-and-swap.js';
import type { Supports, Unsubscribe } from '../../src/result-backend.js';

const ABSENT: Loaded<number> = { entry: undefined, consumed: [], revision: undefined };
const keyOf = ({ namespace, taskId }: TaskKey): string => `${namespace}/${taskId}`;

export class RecordedBackend extends CompareAndSwapBackend<number> {
  readonly supports: Supports = { durable: false, shared: true, namespaces: true, listing: false };
  readonly loads: (readonly Load[])[] = [];
  readonly swaps: (readonly Swap<number>[])[] = [];
  readonly rows = new Map<string, Loaded<number>>();
  /** Epoch milliseconds; undefined for this process's clock. */
  clock: number | undefined;
  /** Awaited before loads are answered, and after they were carried out. */
  afterLoad: (loads: readonly Load[]) => Promise<void> = async () => {};
  /** Awaited before swaps are carried out. */
  beforeSwap: (swaps: readonly Swap<number>[]) => Promise<void> = async () => {};
  answerLoads: (found: Loaded<number>[], loads: readonly Load[]) => (Loaded<number> | Error)[] = (
    found,
  ) => found;
  answerSwaps: (results: SwapResult[]) => (SwapResult | Error)[] = (results) => results;
  #revision = 0;

  constructor(limits?: CompareAndSwapLimits) {
    super({}, limits);
  }

  /** How many calls of the store there were, as `loads/swaps`; counted from now on again. */
  takeCalls(): string {
    return `${this.loads.splice(0).length}/${this.swaps.splice(0).length}`;
  }

  protected async _startup(): Promise<void> {}
  protected async _shutdown(): Promise<void> {}
  protected async _ping(): Promise<void> {}
  protected async _subscribe(): Promise<Unsubscribe> {
    return async () => {};
  }

  protected async _load(loads: readonly Load[]): Promise<(Loaded<number> | Error)[]> {
    this.loads.push(loads);
    const found = loads.map((load) => asAsked(load, this.rows.get(keyOf(load)) ?? ABSENT));
    await this.afterLoad(loads);
    return this.answerLoads(found, loads);
  }

  protected async _swap(swaps: readonly Swap<number>[]): Promise<(SwapResult | Error)[]> {
    this.swaps.push(swaps);
    await this.beforeSwap(swaps);
    return this.answerSwaps(swaps.map((swap) => this.#carryOut(swap)));
  }

  /** As another process would. */
  put(task: TaskKey, value: Kept | undefined): void {
    this.#revision += 1;
    if (value === undefined) this.rows.delete(keyOf(task));
    else this.rows.set(keyOf(task), { ...value, revision: this.#revision });
  }

  protected override _now(): number {
    return this.clock ?? super._now();
  }

  #carryOut({ from, to, ...task }: Swap<number>): SwapResult {
    const stored = this.rows.get(keyOf(task));
    if (stored?.revision !== from.revision) return 'lost';
    const keepsBytes = to?.entry?.outcome !== undefined && to.entry.outcome === from.entry?.outcome;
    const { body, log } = stored?.entry ?? {};
    this.put(task, keepsBytes ? { ...to, entry: { ...to.entry, body, log } as TaskEntry } : to);
    return 'won';
  }
}

function asAsked({ parts, isForSwap }: Load, loaded: Loaded<number>): Loaded<number> {
  const entry = trimmedEntry(loaded.entry, parts);
  return { ...loaded, entry, consumed: isForSwap ? loaded.consumed : [] };
}
