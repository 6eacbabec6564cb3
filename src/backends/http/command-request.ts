/** Commands as requests to a resultd, and its answers as replies. */

import { createHash, randomUUID } from 'node:crypto';
import { ResultdError, shown, unsupported } from '../../errors.js';
import { NEVER, progressMeta, progressState, type TaskEntry } from '../../record/entry.js';
import { JSON_TYPE, type Outcome } from '../../record/outcome.js';
import type {
  Command,
  Conditions,
  ConsumeCommand,
  DeleteCommand,
  ExpireCommand,
  Reply,
  SetOutcomeCommand,
  SetProgressCommand,
} from '../../result-backend/commands.js';
import { deepException } from './deep-exception.js';
import type { RemoteAnswer, RemoteRequest } from './remote-connections.js';
import { errorOf } from './remote-errors.js';
import { type ShortForm, shortForm } from './short-form.js';
import { entryFromView } from './task-view.js';

/** A request, and what its answer means. */
interface Exchange {
  readonly request: RemoteRequest;
  /** `where` is the service's URL, for errors. */
  replyOf(answer: RemoteAnswer, where: string): Reply;
}

const ABSENT: Reply = { verdict: 'absent', entry: undefined };
const GONE: Reply = { verdict: 'done', entry: undefined };
/** What ETags cannot hold is no version of ours. */
const TAG = /^[\x21\x23-\x7e]+$/;
/** A weak tag, which `If-Match` never finds equal (RFC 9110 §13.1.1). */
const NO_VERSION = 'W/"none"';

export function taskPath(taskId: string): string {
  return `/v1/tasks/${taskId}`;
}

export function exchangeOf(command: Command): Exchange {
  switch (command.kind) {
    case 'set-outcome':
      return setOutcome(command);
    case 'set-progress':
      return setProgress(command);
    case 'expire':
      return expire(command);
    case 'delete':
      return remove(command);
    case 'consume':
      return consume(command);
  }
}

function setOutcome(command: SetOutcomeCommand): Exchange {
  const { taskId, mode, outcome, conditions } = command;
  const query = ttlOf(command);
  if (outcome.isOpaque) {
    query.push(
      `is_err=${outcome.isErr}`,
      `execution_time=${encodeURIComponent(outcome.executionTime)}`,
    );
  }
  const { isFlat, body } = formOf(outcome);
  return {
    request: {
      method: mode === 'create' ? 'POST' : 'PUT',
      path: withQuery(`${taskPath(taskId)}/${isFlat ? 'exception' : 'result'}`, query),
      headers: { 'content-type': contentTypeOf(outcome), ...headersOf(conditions) },
      body,
      expected: [200, 201],
    },
    replyOf(answer) {
      const entry = entryFromView(answer.body);
      const isUnchanged = mode === 'create' || answer.header('task-unchanged') !== undefined;
      return { verdict: verdictOf(answer, isUnchanged), entry: asWritten(entry, outcome) };
    },
  };
}

function setProgress(command: SetProgressCommand): Exchange {
  const { taskId, mode, progress, conditions } = command;
  if (mode === 'register' && progressState(progress) !== 'PENDING') {
    throw unsupported(
      `registering a task as ${shown(progressState(progress))} (over HTTP, register it as "PENDING")`,
    );
  }
  return {
    request: {
      method: mode === 'register' ? 'POST' : 'PUT',
      path: withQuery(`${taskPath(taskId)}/status`, ttlOf(command)),
      headers: { 'content-type': JSON_TYPE, ...headersOf(conditions) },
      body: shortProgress(progress),
      expected: [200, 201],
    },
    replyOf(answer) {
      const isUnchanged = mode === 'register' || answer.header('task-unchanged') !== undefined;
      return { verdict: verdictOf(answer, isUnchanged), entry: entryFromView(answer.body) };
    },
  };
}

function expire({ taskId, ttlMs, conditions }: ExpireCommand): Exchange {
  const headers = headersOf(conditions);
  return {
    request: {
      method: 'PUT',
      path: `${taskPath(taskId)}/expiry`,
      headers: { 'content-type': JSON_TYPE, ...headers },
      body: [Buffer.from(JSON.stringify({ ttl: durationOf(ttlMs) }))],
      expected: [200, 404],
      // Once it is done the version is another one, and the condition would fail.
      isRepeatable: Object.keys(headers).length === 0,
    },
    replyOf(answer, where) {
      if (answer.status === 404) return absentOr(answer, where);
      return { verdict: 'done', entry: entryFromView(answer.body) };
    },
  };
}

function remove({ taskId, conditions }: DeleteCommand): Exchange {
  const hasCondition = conditions.ifMatch !== undefined;
  return {
    request: {
      method: 'DELETE',
      path: taskPath(taskId),
      headers: headersOf(conditions),
      expected: hasCondition ? [204, 404, 412] : [204, 404],
    },
    replyOf(answer, where) {
      if (answer.status === 204) return GONE;
      const reply = answer.status === 404 ? absentOr(answer, where) : undefined;
      const isGone = reply !== undefined || answer.header('task-state') === 'UNKNOWN';
      // An earlier try has removed it, as far as anyone can tell.
      if (answer.mayHaveBeenDone && isGone) return GONE;
      if (reply === undefined) throw errorOf(answer, where);
      return reply;
    },
  };
}

function consume({ taskId, conditions, idempotencyKey }: ConsumeCommand): Exchange {
  // Without a key, an outcome whose answer is lost on the way would be lost with it.
  const key = idempotencyKey ?? randomUUID();
  return {
    request: {
      method: 'POST',
      path: `${taskPath(taskId)}/result/consume?embed=true&with_logs=true`,
      headers: { 'idempotency-key': headerKey(key), ...headersOf(conditions) },
      expected: [200, 404],
    },
    replyOf(answer, where) {
      if (answer.status === 404) return absentOr(answer, where);
      return { verdict: 'done', entry: entryFromView(answer.body) };
    },
  };
}

/** `absent`, where it is the service that says so. */
export function absentOr(answer: RemoteAnswer, where: string): Reply {
  const error = errorOf(answer, where);
  if (error.code === 'task-unknown' || error.code === 'task-removed') return ABSENT;
  throw error;
}

function verdictOf(answer: RemoteAnswer, isUnchanged: boolean): Reply['verdict'] {
  if (answer.status === 201) return 'created';
  return isUnchanged ? 'unchanged' : 'replaced';
}

/**
 * What a view does not tell of an outcome is known of the one that was just written. (A late retry
 * of what was consumed is answered with what is there now, which may be another.)
 */
function asWritten(entry: TaskEntry | undefined, written: Outcome): TaskEntry | undefined {
  const shown = entry?.outcome;
  if (entry === undefined || shown === undefined) return entry;
  const isOther = shown.size !== written.size || shown.isErr !== written.isErr;
  if (isOther || shown.isOpaque !== written.isOpaque) return entry;
  const { contentType } = shown;
  const { digest, isErr, hasError, isOpaque, hasLog, size, executionTime } = written;
  const outcome = { digest, isErr, hasError, isOpaque, hasLog, size, executionTime, contentType };
  return { ...entry, outcome };
}

/** As it is sent, in parts. */
function formOf(outcome: Outcome): ShortForm {
  if (outcome.isOpaque) return { isFlat: false, body: [outcome.body] };
  const deep = deepException(outcome);
  return deep === undefined ? shortForm(outcome) : { isFlat: true, body: deep };
}

/** Progress as the shortest document that means it, as outcomes are. */
function shortProgress(progress: Buffer): readonly Buffer[] {
  if (progressMeta(progress).toString('latin1', 0, 5) !== 'null') return [progress];
  return [progress.subarray(0, -',"meta":null}'.length), Buffer.from('}')];
}

function contentTypeOf({ isOpaque, contentType }: Outcome): string {
  if (!isOpaque) return JSON_TYPE;
  if (contentType.split(';', 1)[0]!.trim().toLowerCase() !== JSON_TYPE) return contentType;
  throw new ResultdError(
    'media-type',
    `an opaque outcome of the type ${shown(contentType)} would be read as JSON by the resultd: give ` +
      'it another type, such as application/octet-stream',
  );
}

function ttlOf(command: SetOutcomeCommand | SetProgressCommand): string[] {
  return command.isDefaultTtl === true ? [] : [`ttl=${durationOf(command.ttlMs)}`];
}

/** A time to live with at most nine digits, as the service takes it: exact below eleven days. */
function durationOf(ttlMs: number): string {
  if (ttlMs === NEVER) return 'never';
  const ms = Math.ceil(ttlMs);
  if (ms < 1e9) return `${ms}ms`;
  const seconds = Math.floor(ms / 1_000);
  return seconds < 1e9 ? `${seconds}s` : `${Math.floor(seconds / 60)}m`;
}

function headersOf({ ifMatch, ifNoneMatch }: Conditions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (ifMatch !== undefined) headers['if-match'] = tagsOf(ifMatch) ?? NO_VERSION;
  const none = ifNoneMatch === undefined ? undefined : tagsOf(ifNoneMatch);
  if (none !== undefined) headers['if-none-match'] = none;
  return headers;
}

/** A list of ETags; undefined where none of the versions is one. */
export function tagsOf(versions: '*' | readonly string[]): string | undefined {
  if (versions === '*') return '*';
  const tags = versions.filter((version) => TAG.test(version)).map((version) => `"${version}"`);
  return tags.length === 0 ? undefined : tags.join(', ');
}

/** A key as a header can hold it; another one goes as its digest, which is as good as itself. */
function headerKey(key: string): string {
  if (/^[\x20-\x7e]+$/.test(key)) return `"${key}"`;
  return `"sha256:${createHash('sha256').update(key).digest('base64url')}"`;
}

function withQuery(path: string, query: readonly string[]): string {
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}
