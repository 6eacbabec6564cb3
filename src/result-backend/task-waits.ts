/**
 * How a task is waited for: what the wait hub does over a store, and a remote resultd by itself.
 * A wait may end with `timeout` before its time: the hub's are at most as long as its maximum. Who
 * wants to wait longer, or through a store's failure, starts another.
 */
import type { Parts } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';

export interface WaitRequest {
  readonly taskId: string;
  /** What the answer needs of the task. */
  readonly parts: Parts;
  /** Milliseconds. It is shortened at random by up to 1/16, so that waiters do not end in a herd. */
  readonly timeoutMs: number;
  /**
   * Undefined: wait until the task is ready. Else: until its version is none of these (a version is
   * an ETag without quotes). With an empty list: until there is a task at all.
   */
  readonly knownVersions?: readonly string[] | undefined;
  /**
   * An earlier wait has found the task, whose last record expires then (epoch milliseconds, or
   * `NEVER`): where it is gone before, it was removed. Default: none has.
   */
  readonly knownUntil?: number | undefined;
  /** Who waits, for the limit on each caller. */
  readonly caller: string;
}

/**
 * What a wait ended with.
 * - `done`: what was waited for has come.
 * - `removed`: the task was known when the waiter was parked, and was deleted or consumed. One that
 *   has expired ends no wait.
 * - `timeout`: time is up; the snapshot is what an immediate read gives.
 * - `draining`: this process is shutting down; the snapshot is the present state.
 */
export interface WaitResult {
  readonly reason: 'done' | 'removed' | 'timeout' | 'draining';
  readonly snapshot: TaskSnapshot | undefined;
}

/** A wait that can be given up: its caller has gone. */
export interface Wait {
  readonly result: Promise<WaitResult>;
  /** Leaves nothing behind; `result` never settles. Safe to call at any time, and again. */
  cancel(): void;
}

export interface ManyWaitRequest {
  /** Duplicates count once. */
  readonly taskIds: readonly string[];
  /** How many different tasks must be ready. */
  readonly target: number;
  /** Milliseconds; clamped, and shortened at random by up to 1/16. */
  readonly timeoutMs: number;
  /** Who waits, for the limit on each caller. */
  readonly caller: string;
}

export interface ManyWaitResult {
  /** Whether as many tasks were ready as was asked for. */
  readonly isComplete: boolean;
  /** This process is shutting down: that is why it is answered now. */
  readonly isDraining: boolean;
  /**
   * The tasks that are ready, without their outcomes' bytes; undefined for one that has to be read
   * anew, since together they are too large to be kept.
   */
  readonly ready: ReadonlyMap<string, TaskSnapshot | undefined>;
}

export interface ManyWait {
  readonly result: Promise<ManyWaitResult>;
  /** Leaves nothing behind; `result` never settles. Safe to call at any time, and again. */
  cancel(): void;
}

export interface TaskWaits {
  wait(request: WaitRequest): Wait;
  /** Waits for many tasks, as one waiter. */
  waitMany(request: ManyWaitRequest): ManyWait;
}

/**
 * How far this clock and the store's may be apart, in milliseconds. A task that is gone so much before
 * its time has not expired.
 */
const SKEW_MS = 60_000;

/** Whether a task that was to expire then (undefined: that was not known) has not come to it. */
export function isBeforeItsTime(expiresAt: number | undefined): boolean {
  return expiresAt !== undefined && Date.now() + SKEW_MS < expiresAt;
}
