/**
 * Tasks as a resultd answers them, back into entries: the status view with the outcome embedded in
 * it, and the entries of a batch.
 *
 * Nothing is parsed and written anew: values are found in the answer's bytes, and taken out of it.
 * What the service shows is live; it has judged expiry by its own clock.
 */
import { storeUnavailable } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import { type Member, scanValue, typeAt, walkElements, walkMembers } from '../../json/scanner.js';
import { NEVER, type TaskEntry } from '../../record/entry.js';
import { withoutLog } from '../../record/envelope.js';
import type { Listed } from '../../record/listing.js';
import { errorBytes, JSON_TYPE, type OutcomeInfo } from '../../record/outcome.js';
import { progressFromJson } from '../../record/progress.js';

/** One entry of a batch. */
export interface BatchEntry {
  readonly taskId: string;
  /** Undefined where the task is unknown. */
  readonly entry: TaskEntry | undefined;
  /** The outcome did not fit into the answer. */
  readonly isOmitted: boolean;
}

/** A page of a list. */
export interface Page {
  readonly items: readonly Listed[];
  readonly nextCursor: string | undefined;
}

type Members = Readonly<Record<string, Member | undefined>>;
type Bytes = Pick<TaskEntry, 'body' | 'log'>;

const VERSION = /^(\d{1,16})-([0-9a-f]{16,})\.(o|p|op)$/;
const NO_BYTES: Bytes = { body: undefined, log: undefined };
/** An envelope may be a little deeper than the documents that a client may send. */
const ENVELOPE_DEPTH = -2;

/** The entry of a status view, with the outcome where it is embedded; undefined for an unknown task. */
export function entryFromView(view: Buffer): TaskEntry | undefined {
  return readable(() => {
    const members = membersOf(view, 0);
    // An unknown task has a version too, which is null: what has none was not told by a resultd.
    if (members.task_id?.type !== 'string' || members.version === undefined) {
      throw new Error('the answer is not the status of a task');
    }
    return entryOf(view, members, bytesIn(view, members));
  });
}

/** The entries of a batch's answer, or those that a batch wait found ready. */
export function batchEntries(answer: Buffer, name: 'items' | 'ready'): BatchEntry[] {
  return readable(() => {
    const list = membersOf(answer, 0)[name];
    if (list?.type !== 'array') throw new Error(`the answer has no list "${name}"`);
    return entriesAt(answer, list.start);
  });
}

/** A page of a list. */
export function pageOf(answer: Buffer): Page {
  return readable(() => {
    const { items, next_cursor: cursor } = membersOf(answer, 0);
    const entries: Listed[] = [];
    walkElements(answer, items!.start, (start) => {
      const members: Record<string, Member> = {};
      const end = collect(answer, start, members);
      const entry = entryOf(answer, members, NO_BYTES);
      if (entry !== undefined) entries.push({ taskId: stringIn(answer, members.task_id)!, entry });
      return end;
    });
    return { items: entries, nextCursor: stringIn(answer, cursor) };
  });
}

/** Which task an event is about, and at which version; null where it has gone. */
export function changeIn(data: Buffer): { taskId: string; version: string | null } {
  return readable(() => {
    const members = membersOf(data, 0);
    const taskId = stringIn(data, members.task_id);
    if (taskId === undefined) throw new Error('an event names no task');
    return { taskId, version: stringIn(data, members.version) ?? null };
  });
}

/** What was read of an answer; `store-unavailable` where it is not what a resultd answers. */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw storeUnavailable(
      `the resultd gave an answer that cannot be read (${(error as Error).message}): is it as new as ` +
        'this client?',
      error,
    );
  }
}

function entriesAt(answer: Buffer, start: number): BatchEntry[] {
  const entries: BatchEntry[] = [];
  walkElements(answer, start, (elementStart) => {
    const members: Record<string, Member> = {};
    const end = collect(answer, elementStart, members);
    const { status } = members;
    const isFound = status?.type === 'object';
    entries.push({
      taskId: stringIn(answer, members.task_id) ?? '',
      entry: isFound
        ? entryOf(answer, membersOf(answer, status.start), bytesIn(answer, members))
        : undefined,
      isOmitted: members.outcome_omitted !== undefined,
    });
    return end;
  });
  return entries;
}

/** The members of the object that starts there, by name. */
function membersOf(bytes: Buffer, start: number): Members {
  const members: Record<string, Member> = {};
  collect(bytes, start, members);
  return members;
}

/** A string member's text; undefined where it is missing or null. */
function stringIn(bytes: Buffer, member: Member | undefined): string | undefined {
  return member?.type === 'string' ? decodeString(bytes, member.start, member.end) : undefined;
}

function collect(bytes: Buffer, start: number, members: Record<string, Member>): number {
  if (bytes[start] !== 0x7b) throw new Error('the answer is not the JSON object that was expected');
  return walkMembers(bytes, start, (name, valueStart, nameStart, nameEnd) => {
    const end = scanValue(bytes, valueStart, ENVELOPE_DEPTH);
    const type = typeAt(bytes, valueStart);
    members[name] = { name, nameStart, nameEnd, start: valueStart, end, type };
    return end;
  });
}

function entryOf(bytes: Buffer, members: Members, { body, log }: Bytes): TaskEntry | undefined {
  const version = stringIn(bytes, members.version);
  if (version === undefined) return undefined;
  const [, ms, random, live] = VERSION.exec(version) ?? [];
  if (random === undefined) throw new Error('the answer has a version of another form');
  const { progress, content_type: type } = members;
  const hasProgress = progress?.type === 'object';
  const hasOutcome = type?.type === 'string';
  if (live !== (hasOutcome ? 'o' : '') + (hasProgress ? 'p' : '')) {
    throw new Error('the answer has other records than its version says');
  }
  const expiresAt = timeIn(bytes, members.expires_at) ?? NEVER;
  return {
    versionMs: Number(ms),
    versionRandom: random,
    createdAt: timeIn(bytes, members.created_at) ?? Number(ms),
    outcomeExpiresAt: hasOutcome ? expiresAt : 0,
    // Beside an outcome its own expiry is not told; it is no later than this.
    progressExpiresAt: hasProgress ? expiresAt : 0,
    outcome: hasOutcome ? new RemoteInfo(bytes, members, body) : undefined,
    body,
    log,
    progress: hasProgress
      ? progressFromJson(bytes.subarray(progress.start, progress.end))
      : undefined,
  };
}

function timeIn(bytes: Buffer, member: Member | undefined): number | undefined {
  const text = stringIn(bytes, member);
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error('the answer has a time of another form');
  return ms;
}

/** The outcome's bytes, where they are embedded: the envelope without its log, and the log. */
function bytesIn(bytes: Buffer, { outcome, outcome_base64: base64 }: Members): Bytes {
  if (base64 !== undefined) {
    const text = bytes.toString('latin1', base64.start + 1, base64.end - 1);
    return { body: Buffer.from(text, 'base64'), log: undefined };
  }
  if (outcome === undefined) return NO_BYTES;
  return withoutLog(bytes.subarray(outcome.start, outcome.end));
}

/** What an answer tells of an outcome. */
class RemoteInfo implements OutcomeInfo {
  /** Not told, and not asked for: whether two outcomes are the same is the service's to say. */
  readonly digest = '';
  readonly isErr: boolean;
  readonly isOpaque: boolean;
  /** Known of no other reader: the log is there where it was asked for. */
  readonly hasLog = false;
  readonly size: number;
  readonly executionTime: string;
  readonly contentType: string;
  readonly #body: Buffer | undefined;

  constructor(bytes: Buffer, members: Members, body: Buffer | undefined) {
    const { is_err: isErr, size, execution_time: time } = members;
    this.isErr = isErr !== undefined && bytes[isErr.start] === 0x74;
    this.contentType = stringIn(bytes, members.content_type)!;
    this.isOpaque = this.contentType !== JSON_TYPE;
    this.size = size === undefined ? 0 : Number(bytes.toString('latin1', size.start, size.end));
    this.executionTime = time === undefined ? '0' : bytes.toString('latin1', time.start, time.end);
    this.#body = body;
  }

  /** A view does not tell it: it is known of a success where its bytes are there. */
  get hasError(): boolean {
    if (this.#body === undefined || this.isOpaque) return false;
    return errorBytes(this, this.#body).toString('latin1', 0, 4) !== 'null';
  }
}
