/** What goes into the contract's methods and comes out of them. `result-backend.ts` has the methods. */

import type { Outcome, OutcomeValue } from '../record/outcome.js';
import type { ProgressValue } from '../record/progress.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { Conditions } from './commands.js';

/** Settings that hold for every backend. Each has a default. */
export interface ResultBackendOptions {
  /** The namespace that this instance is bound to. Default: `default`. */
  readonly namespace?: string;
  /** How long a success is kept, in milliseconds, or `NEVER`. Default: 24 hours. */
  readonly resultTtlMs?: number;
  /** How long a failure is kept, in milliseconds, or `NEVER`. Default: 24 hours. */
  readonly failureTtlMs?: number;
  /** How long progress is kept, in milliseconds, or `NEVER`. Default: 24 hours. */
  readonly progressTtlMs?: number;
  /** The longest time to live; longer ones are clamped to it. Default: `NEVER`, no maximum. */
  readonly maxTtlMs?: number;
  /** The largest outcome, in bytes, its log included. Default: 64 MiB. */
  readonly maxRecordBytes?: number;
  /**
   * The largest progress, in bytes of JSON, its state included. It is small since every view of the
   * task carries it. Default: 64 KiB; over HTTP, what the service there takes.
   */
  readonly maxProgressBytes?: number;
}

/** What a store can do. Asking for what it cannot is an `unsupported` error, never a no-op. */
export interface Supports {
  /** Outcomes survive the end of the process. */
  readonly durable: boolean;
  /** Several processes may share the store, and hear of each other's writes. */
  readonly shared: boolean;
  readonly namespaces: boolean;
  /** Tasks can be listed and counted. */
  readonly listing: boolean;
}

/** Which tasks to list. */
export interface ListQuery {
  /** Only tasks that are shown in one of these states. Default: all. */
  readonly states?: readonly string[] | undefined;
  /** Only tasks last written after this, in epoch milliseconds, exclusive. */
  readonly updatedAfter?: number | undefined;
  /** Only tasks last written before this, in epoch milliseconds, exclusive. */
  readonly updatedBefore?: number | undefined;
  /** At most so many; coerced to 1 … 1,000. Default: 100. */
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** One page of a list: the last written first, then by id. */
export interface TaskPage {
  /** Without their outcomes' bytes. */
  readonly items: readonly TaskSnapshot[];
  /** Undefined where this page is the last. */
  readonly nextCursor: string | undefined;
}

export interface WriteOptions {
  /** Milliseconds, `NEVER`, or undefined for the default of the record's kind. Above 0. */
  readonly ttlMs?: number | undefined;
  readonly conditions?: Conditions | undefined;
}

export interface SetResultOptions extends WriteOptions {
  /** `replace` (the default, as in taskiq): the last write wins. `create`: the first one does. */
  readonly mode?: 'create' | 'replace' | undefined;
}

export interface SetProgressOptions extends WriteOptions {
  /** `register`: write only where the task has no record at all. Default: `replace`. */
  readonly mode?: 'register' | 'replace' | undefined;
}

export interface GetOptions {
  /** Read the log too. Default: false. */
  readonly withLogs?: boolean | undefined;
}

export interface ConsumeOptions extends GetOptions {
  readonly conditions?: Conditions | undefined;
  /** Repeats with the same key are answered alike for 60 s. 1 to 255 characters. */
  readonly idempotencyKey?: string | undefined;
}

/** What a write did, and the task as it left it. */
export interface WriteReceipt {
  /** `unchanged`: it was stored already exactly so. */
  readonly verdict: 'created' | 'replaced' | 'unchanged' | 'done';
  /** Without the outcome's bytes. Undefined where a retry came after the task was consumed. */
  readonly snapshot: TaskSnapshot | undefined;
}

/** One write of `setMany`. */
export type SetManyItem = { readonly taskId: string } & (
  | { readonly outcome: Outcome | OutcomeValue; readonly options?: SetResultOptions }
  | { readonly progress: Buffer | ProgressValue; readonly options?: SetProgressOptions }
);

/** A hint that a task has changed, or (`lost`) that hints may have been missed. */
export type Notification =
  | { readonly namespace: string; readonly taskId: string; readonly version: string | null }
  | { readonly lost: true };

export type Listener = (notification: Notification) => void;

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;
