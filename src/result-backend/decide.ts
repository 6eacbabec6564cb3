/**
 * The rules of every write, in one pure function: what a command does to what a store holds.
 *
 * A store that runs JavaScript inside its transactions calls it there; one that cannot (Redis)
 * translates it, and the conformance suite holds the two alike.
 */

import { liveEntry, type TaskEntry, versionOf } from '../record/entry.js';
import {
  type Command,
  type Conditions,
  type ConsumeCommand,
  type ExpireCommand,
  REPLAY_MS,
  type Reply,
  type SetOutcomeCommand,
  type SetProgressCommand,
  type Verdict,
} from './commands.js';

/** One consume that is still remembered. */
export interface Consumed {
  /** The digest of the outcome that was consumed; `NO_DIGEST` once the task has been written again. */
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly idempotencyKey: string | undefined;
  /** What was consumed, whole; undefined where no idempotency key was given. */
  readonly entry: TaskEntry | undefined;
}

/** No outcome has it. */
const NO_DIGEST = '0'.repeat(32);

/** What a store holds of a task. Expired parts may still be in it. */
export interface Stored {
  /** With body and log for a consume; else they are not needed. */
  readonly entry: TaskEntry | undefined;
  readonly consumed: readonly Consumed[];
}

export interface Decision extends Reply {
  /** What to write in place of the entry; null to remove it; undefined to leave it. */
  readonly write?: TaskEntry | null;
  /** What to write in place of the remembered consumes; undefined to leave them. */
  readonly remember?: readonly Consumed[];
}

/** Decides on one command. `now` is the store's clock in epoch milliseconds. */
export function decide(command: Command, stored: Stored, now: number): Decision {
  const entry = liveEntry(stored.entry, now);
  const consumed = stored.consumed.filter((past) => past.expiresAt > now);
  switch (command.kind) {
    case 'set-outcome':
      return decideOutcome(command, entry, consumed, now);
    case 'set-progress':
      return decideProgress(command, entry, consumed, now);
    case 'expire':
      return decideExpire(command, entry, now);
    case 'consume':
      return decideConsume(command, entry, consumed, now);
    case 'delete': {
      const forget = stored.consumed.length > 0 ? { remember: [] } : {};
      if (!holds(command.conditions, entry, entry !== undefined)) return keep('mismatch', entry);
      if (entry === undefined) return { ...keep('absent', entry), ...forget };
      return { verdict: 'done', entry: undefined, write: null, ...forget };
    }
  }
}

function decideOutcome(
  command: SetOutcomeCommand,
  entry: TaskEntry | undefined,
  consumed: readonly Consumed[],
  now: number,
): Decision {
  const { outcome, mode } = command;
  if (mode === 'create' && consumed.some((past) => past.digest === outcome.digest)) {
    return keep('unchanged', entry);
  }
  const present = entry?.outcome;
  const isSame = present !== undefined && present.digest === outcome.digest;
  if (!holds(command.conditions, entry, present !== undefined)) {
    return keep(isSame ? 'unchanged' : 'mismatch', entry);
  }
  if (mode === 'create' && present !== undefined) {
    return keep(isSame ? 'unchanged' : 'conflict', entry);
  }
  const outcomeExpiresAt = now + command.ttlMs;
  // Field by field: this is the hottest write, and spreading costs it several microseconds.
  const write: TaskEntry = {
    versionMs: nextVersionMs(entry, now),
    versionRandom: command.random,
    createdAt: entry === undefined ? now : entry.createdAt,
    outcomeExpiresAt,
    progressExpiresAt:
      entry === undefined ? 0 : Math.min(entry.progressExpiresAt, outcomeExpiresAt),
    outcome,
    body: outcome.body,
    log: outcome.log,
    progress: entry?.progress,
  };
  return written(present === undefined ? 'created' : 'replaced', write, consumed);
}

function decideProgress(
  command: SetProgressCommand,
  entry: TaskEntry | undefined,
  consumed: readonly Consumed[],
  now: number,
): Decision {
  const { progress, mode } = command;
  const present = entry?.progress;
  if (!holds(command.conditions, entry, present !== undefined)) {
    return keep(present?.equals(progress) === true ? 'unchanged' : 'mismatch', entry);
  }
  if (mode === 'register' && entry !== undefined) return keep('unchanged', entry);
  const expiresAt = now + command.ttlMs;
  const write: TaskEntry = {
    versionMs: nextVersionMs(entry, now),
    versionRandom: command.random,
    createdAt: entry === undefined ? now : entry.createdAt,
    outcomeExpiresAt: entry === undefined ? 0 : entry.outcomeExpiresAt,
    progressExpiresAt:
      entry?.outcome === undefined ? expiresAt : Math.min(expiresAt, entry.outcomeExpiresAt),
    outcome: entry?.outcome,
    body: entry?.body,
    log: entry?.log,
    progress,
  };
  return written(present === undefined ? 'created' : 'replaced', write, consumed);
}

/**
 * A write begins a new life of the task: an outcome that equals a consumed one is no retry of it any
 * more. What is remembered for idempotency keys stays.
 */
function written(verdict: Verdict, write: TaskEntry, consumed: readonly Consumed[]): Decision {
  if (consumed.every(({ digest }) => digest === NO_DIGEST)) return { verdict, entry: write, write };
  const remember = consumed
    .filter(({ idempotencyKey }) => idempotencyKey !== undefined)
    .map((past) => ({ ...past, digest: NO_DIGEST }));
  return { verdict, entry: write, write, remember };
}

function decideExpire(command: ExpireCommand, entry: TaskEntry | undefined, now: number): Decision {
  if (!holds(command.conditions, entry, entry !== undefined)) return keep('mismatch', entry);
  if (entry === undefined) return keep('absent', entry);
  const expiresAt = now + command.ttlMs;
  const write: TaskEntry = {
    ...entry,
    versionMs: nextVersionMs(entry, now),
    versionRandom: command.random,
    outcomeExpiresAt: entry.outcome === undefined ? 0 : expiresAt,
    progressExpiresAt: entry.progress === undefined ? 0 : expiresAt,
  };
  return { verdict: 'done', entry: write, write };
}

function decideConsume(
  command: ConsumeCommand,
  entry: TaskEntry | undefined,
  consumed: readonly Consumed[],
  now: number,
): Decision {
  const { idempotencyKey } = command;
  if (idempotencyKey !== undefined) {
    const past = consumed.find((item) => item.idempotencyKey === idempotencyKey);
    if (past !== undefined) return { verdict: 'done', entry: past.entry };
  }
  if (!holds(command.conditions, entry, entry?.outcome !== undefined)) {
    return keep('mismatch', entry);
  }
  if (entry === undefined) return keep('absent', entry);
  if (entry.outcome === undefined) return keep('not-ready', entry);
  const remembered: Consumed = {
    digest: entry.outcome.digest,
    expiresAt: now + REPLAY_MS,
    idempotencyKey,
    entry: idempotencyKey === undefined ? undefined : entry,
  };
  return { verdict: 'done', entry, write: null, remember: [...consumed, remembered] };
}

/** Whether a write's conditions hold (RFC 9110 §13.1). `*` asks about the addressed record only. */
function holds(
  { ifMatch, ifNoneMatch }: Conditions,
  entry: TaskEntry | undefined,
  isThere: boolean,
): boolean {
  if (ifMatch === '*' && !isThere) return false;
  if (ifNoneMatch === '*' && isThere) return false;
  if (Array.isArray(ifMatch) && (entry === undefined || !ifMatch.includes(versionOf(entry)))) {
    return false;
  }
  return !(
    Array.isArray(ifNoneMatch) &&
    entry !== undefined &&
    ifNoneMatch.includes(versionOf(entry))
  );
}

function keep(verdict: Verdict, entry: TaskEntry | undefined): Decision {
  return { verdict, entry };
}

/** Versions of a task only grow, whatever the clock does. */
function nextVersionMs(entry: TaskEntry | undefined, now: number): number {
  return entry === undefined ? now : Math.max(entry.versionMs + 1, now);
}
