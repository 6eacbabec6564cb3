/**
 * The one entry that a store keeps for a task: version, times, both expiries, the outcome and the
 * progress. One entry is what makes a task's ETag checkable in one atomic step on every store.
 *
 * An entry read from a store may hold records that have expired. `liveEntry` judges that; nothing
 * else does.
 */
import type { OutcomeInfo } from './outcome.js';

/** An expiry that never comes. */
export const NEVER = Number.POSITIVE_INFINITY;

export interface TaskEntry {
  /** Epoch milliseconds of the last write, kept ahead of the version before it. */
  readonly versionMs: number;
  /** 16 hexadecimal digits: 64 random bits. */
  readonly versionRandom: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds, `NEVER`, or 0 where there is no outcome. */
  readonly outcomeExpiresAt: number;
  /** Epoch milliseconds, `NEVER`, or 0 where there is no progress. */
  readonly progressExpiresAt: number;
  readonly outcome: OutcomeInfo | undefined;
  /** The outcome's bytes; undefined where it has none, or where they were not asked for. */
  readonly body: Buffer | undefined;
  /** The log as a JSON string; undefined where it has none, or where it was not asked for. */
  readonly log: Buffer | undefined;
  /** `{"state":"STARTED","meta":…}`; undefined where there is none. */
  readonly progress: Buffer | undefined;
}

/** Which bytes of an entry a read moves; all else comes always. */
export interface Parts {
  readonly body: boolean;
  readonly log: boolean;
}

/** What a read of many tasks moves. */
export interface ManyParts extends Parts {
  /**
   * About how many bytes of records may be held at once: the read stops after the task
   * that reaches it, and has fewer tasks than it was asked for, but at least one. Default: all.
   */
  readonly maxBytes?: number;
}

export const HEAD_ONLY: Parts = { body: false, log: false };
export const WITH_BODY: Parts = { body: true, log: false };
export const WITH_LOG: Parts = { body: true, log: true };

/** The entry without its expired records; undefined where none of its records is live. */
export function liveEntry(entry: TaskEntry | undefined, now: number): TaskEntry | undefined {
  if (entry === undefined) return undefined;
  const hasOutcome = entry.outcome !== undefined;
  const hasProgress = entry.progress !== undefined;
  const outcomeLives = hasOutcome && entry.outcomeExpiresAt > now;
  const progressLives = hasProgress && entry.progressExpiresAt > now;
  if (outcomeLives === hasOutcome && progressLives === hasProgress) return entry;
  if (!outcomeLives && !progressLives) return undefined;
  return {
    ...entry,
    ...(outcomeLives
      ? {}
      : { outcome: undefined, body: undefined, log: undefined, outcomeExpiresAt: 0 }),
    ...(progressLives ? {} : { progress: undefined, progressExpiresAt: 0 }),
  };
}

/** The entry without the bytes that were not asked for: a store may have read more. */
export function trimmedEntry(
  entry: TaskEntry | undefined,
  { body, log }: Parts,
): TaskEntry | undefined {
  if (entry === undefined) return undefined;
  if ((body || entry.body === undefined) && (log || entry.log === undefined)) return entry;
  return { ...entry, body: body ? entry.body : undefined, log: log ? entry.log : undefined };
}

/** The bytes that a read has moved of the outcome, its log and the progress. */
export function loadedBytes(entry: TaskEntry | undefined): number {
  if (entry === undefined) return 0;
  return (entry.body?.length ?? 0) + (entry.log?.length ?? 0) + (entry.progress?.length ?? 0);
}

/** One after the other, up to `maxBytes`: see `ManyParts`. For stores that can read at once. */
export function readUpTo(
  maxBytes: number,
  taskIds: readonly string[],
  read: (taskId: string) => TaskEntry | undefined,
): (TaskEntry | undefined)[] {
  const entries: (TaskEntry | undefined)[] = [];
  for (let bytes = 0, at = 0; at < taskIds.length && bytes < maxBytes; at += 1) {
    const entry = read(taskIds[at]!);
    bytes += loadedBytes(entry);
    entries.push(entry);
  }
  return entries;
}

/** When the last of its records expires: epoch milliseconds, or `NEVER`. */
export function entryExpiresAt(entry: TaskEntry): number {
  return Math.max(entry.outcomeExpiresAt, entry.progressExpiresAt);
}

/** The version of a live entry with what is live of it: its ETag without the quotes. */
export function versionOf(entry: TaskEntry): string {
  const live = entry.outcome === undefined ? 'p' : entry.progress === undefined ? 'o' : 'op';
  return `${entry.versionMs}-${entry.versionRandom}.${live}`;
}

/**
 * The state of a live entry as it is shown: its outcome's where it has one, else its progress's. Only
 * an outcome makes a task look finished.
 */
export function stateOf(entry: TaskEntry): string {
  if (entry.outcome !== undefined) return entry.outcome.isErr ? 'FAILURE' : 'SUCCESS';
  const state = progressState(entry.progress!);
  return state === 'SUCCESS' || state === 'FAILURE' ? 'STARTED' : state;
}

const STATE_STARTS = '{"state":'.length;

/** The state of a progress record. */
export function progressState(progress: Buffer): string {
  const text = progress.toString('utf8', STATE_STARTS, stateEnd(progress));
  // Parsing is the dear part of it, and lists and counts ask for every task's state.
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}

/** The meta of a progress record, as JSON. */
export function progressMeta(progress: Buffer): Buffer {
  return progress.subarray(stateEnd(progress) + ',"meta":'.length, progress.length - 1);
}

function stateEnd(progress: Buffer): number {
  let at = STATE_STARTS + 1;
  while (at < progress.length && progress[at] !== 0x22) at += progress[at] === 0x5c ? 2 : 1;
  if (at >= progress.length) throw new Error('a stored progress has no state: it is damaged');
  return at + 1;
}
