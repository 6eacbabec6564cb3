/**
 * What a store can be asked to do to a task, as data. A command carries everything that the store
 * needs to decide and to write in one atomic step: its condition, its bytes, its time to live.
 * `decide.ts` says what each of them does.
 */

import type { TaskEntry } from '../record/entry.js';
import type { Outcome } from '../record/outcome.js';

/** Conditions of RFC 9110 §13 on a task's version. A list holds ETags without quotes. */
export interface Conditions {
  /** `*`: the addressed record must be there. A list: the task must be at one of these versions. */
  readonly ifMatch?: '*' | readonly string[];
  /** `*`: the addressed record must not be there. A list: the task must be at none of these. */
  readonly ifNoneMatch?: '*' | readonly string[];
}

interface Write {
  readonly taskId: string;
  readonly conditions: Conditions;
  /** The random part of the version that this write makes: 16 hexadecimal digits. */
  readonly random: string;
  /** Milliseconds, or `NEVER`. */
  readonly ttlMs: number;
}

interface RecordWrite extends Write {
  /**
   * Neither the call nor the options named a time to live, nor a longest one: a store that has
   * defaults of its own may use them in place of `ttlMs`.
   */
  readonly isDefaultTtl?: boolean;
}

export interface SetOutcomeCommand extends RecordWrite {
  readonly kind: 'set-outcome';
  /** `create`: the first outcome wins. `replace`: this one does. */
  readonly mode: 'create' | 'replace';
  readonly outcome: Outcome;
}

export interface SetProgressCommand extends RecordWrite {
  readonly kind: 'set-progress';
  /** `register`: only where the task has no record at all. */
  readonly mode: 'register' | 'replace';
  readonly progress: Buffer;
}

/** Every live record expires `ttlMs` from now. */
export interface ExpireCommand extends Write {
  readonly kind: 'expire';
}

export interface DeleteCommand {
  readonly kind: 'delete';
  readonly taskId: string;
  readonly conditions: Conditions;
}

export interface ConsumeCommand {
  readonly kind: 'consume';
  readonly taskId: string;
  readonly conditions: Conditions;
  /** Makes the consume repeatable for `REPLAY_MS`. */
  readonly idempotencyKey: string | undefined;
}

export type Command =
  | SetOutcomeCommand
  | SetProgressCommand
  | ExpireCommand
  | DeleteCommand
  | ConsumeCommand;

/**
 * - `created`, `replaced`: written; the record was not there before, or was.
 * - `unchanged`: stored already exactly so (a retry): nothing was written.
 * - `conflict`: another outcome was there first.
 * - `mismatch`: the condition does not hold.
 * - `absent`: there is no such task. `not-ready`: there is, but it has no outcome.
 * - `done`: deleted, consumed, or given its new expiry.
 */
export type Verdict =
  | 'created'
  | 'replaced'
  | 'unchanged'
  | 'conflict'
  | 'mismatch'
  | 'absent'
  | 'not-ready'
  | 'done';

export interface Reply {
  readonly verdict: Verdict;
  /**
   * The task's live entry as the command left it, without body and log; for a consume that is
   * `done`, what was consumed, whole. Undefined where there is none.
   */
  readonly entry: TaskEntry | undefined;
}

/** How long a consume is remembered, in milliseconds. */
export const REPLAY_MS = 60_000;
