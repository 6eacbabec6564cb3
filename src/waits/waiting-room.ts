/**
 * How many wait, in all and for each caller, and whether there is room for one more.
 *
 * A wait for many tasks is one waiter, but keeps a record for each of them. So the tasks that waits
 * are for have a limit too: `TASKS_FOR_EACH` for each waiter that there may be.
 */
import { type ResultdError, tooManyWaiters, tooManyWaitersForCaller } from '../errors.js';

const TASKS_FOR_EACH = 50;

interface RoomLimits {
  readonly maxWaiters: number;
  readonly maxWaitersPerCaller: number;
}

interface Counts {
  waiters: number;
  tasks: number;
}

export class WaitingRoom {
  readonly #limits: RoomLimits;
  readonly #all: Counts = { waiters: 0, tasks: 0 };
  readonly #callers = new Map<string, Counts>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  /** Waiters that are in it now. */
  get waiters(): number {
    return this.#all.waiters;
  }

  /** Why one more waiter would be too many; undefined where there is room. */
  refusal(caller: string): ResultdError | undefined {
    const { maxWaiters, maxWaitersPerCaller } = this.#limits;
    if (isFull(this.#all, maxWaiters)) return tooManyWaiters(this.#all);
    const counts = this.#callers.get(caller);
    if (counts === undefined || !isFull(counts, maxWaitersPerCaller)) return undefined;
    return tooManyWaitersForCaller(caller, counts);
  }

  /** Lets a waiter in, also one that is refused: it stays until its first read. */
  enter(caller: string, tasks = 1): void {
    const counts = this.#callers.get(caller) ?? { waiters: 0, tasks: 0 };
    this.#callers.set(caller, counts);
    for (const each of [this.#all, counts]) {
      each.waiters += 1;
      each.tasks += tasks;
    }
  }

  /** The same waiter goes. */
  exit(caller: string, tasks = 1): void {
    const counts = this.#callers.get(caller)!;
    for (const each of [this.#all, counts]) {
      each.waiters -= 1;
      each.tasks -= tasks;
    }
    if (counts.waiters === 0) this.#callers.delete(caller);
  }
}

function isFull({ waiters, tasks }: Counts, limit: number): boolean {
  return waiters >= limit || tasks >= TASKS_FOR_EACH * limit;
}
