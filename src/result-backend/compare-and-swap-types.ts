/** What a compare-and-swap store is asked, and what it answers: see `compare-and-swap.ts`. */

import type { Parts } from '../record/entry.js';
import type { Stored } from './decide.js';
import type { GroupLimits } from './gathering.js';

export interface TaskKey {
  readonly namespace: string;
  readonly taskId: string;
}

/** What is asked for of one task. The store may give more. */
export interface Load extends TaskKey {
  /** Which bytes of the entry are needed. */
  readonly parts: Parts;
  /** The remembered consumes are needed too: a command is decided on what is loaded. */
  readonly isForSwap: boolean;
}

/** What a store holds of one task: no entry and no consumes where it holds nothing. */
export interface Loaded<Revision> extends Stored {
  /**
   * What to swap from. Undefined: the store has no trace of the task. Where it keeps one of what it
   * has removed, that one's.
   */
  readonly revision: Revision | undefined;
}

/** One value in place of another, on the condition that the task is still at `from.revision`. */
export interface Swap<Revision> extends TaskKey {
  readonly from: Loaded<Revision>;
  /**
   * What to store; undefined to remove the task. Where `entry.outcome` is the very object of
   * `from.entry`, body and log are as before, and there only if they were loaded; where `consumed`
   * is the very list of `from`, nothing in it has changed.
   */
  readonly to: Kept | undefined;
  /**
   * The version to tell subscribers of, null where no record is left; undefined where nothing has
   * changed that they can see.
   */
  readonly hint: string | null | undefined;
}

export interface Kept extends Stored {
  /** When all of it has expired, and may be removed: epoch milliseconds by `_now()`, or `NEVER`. */
  readonly keepUntil: number;
}

/** `lost`: the task is at another revision, and nothing was stored. */
export type SwapResult = 'won' | 'lost';

/** How much is in one call of a store. Each has a default. */
export interface CompareAndSwapLimits {
  /** Default: 500 tasks, and any number of calls at once. Bytes are not known beforehand. */
  readonly loads?: Partial<Omit<GroupLimits, 'maxBytes'>>;
  /** Default: 500 swaps, about 8 MiB, and any number of calls at once. */
  readonly swaps?: Partial<GroupLimits>;
}
