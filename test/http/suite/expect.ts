/** What the tests of the HTTP API expect, in words: problems, views, headers, exact bytes. */
import type { Test } from 'tap';
import { CATALOGUE, type ErrorCode } from '../../../src/errors.js';
import type { Answer } from '../../support/service.js';

export const DAY_MS = 86_400_000;
/** How far an expiry may be from this process's idea of it. Those that are told apart differ by minutes. */
export const TOLERANCE_MS = 20_000;

export const VERSION = /^\d{13}-[0-9a-f]{16}\.(o|p|op)$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A success as a worker sends it, and as it is stored. */
export const SUCCESS =
  '{"is_err":false,"log":null,"return_value":{"sum":3},"execution_time":0.12,"labels":{"queue":"q"},"error":null}';
/** A success with a log. */
export const LOGGED =
  '{"is_err":false,"log":"one\\ntwo","return_value":{"sum":3},"execution_time":0.12,"labels":{"queue":"q"},"error":null}';
/** Another success. */
export const OTHER =
  '{"is_err":false,"log":null,"return_value":{"sum":4},"execution_time":0.12,"labels":{"queue":"q"},"error":null}';
export const ERROR =
  '{"exc_type":"RuntimeError","exc_message":["task failed",42],"exc_module":"builtins","exc_cause":null,"exc_context":null,"exc_suppress_context":true}';
/** A failure as a worker sends it, and as it is stored. */
export const FAILURE = `{"is_err":true,"log":null,"return_value":null,"execution_time":0.0,"labels":{},"error":${ERROR}}`;

/** Expects a problem document, of the catalogue's title and status. */
export function isProblem(
  t: Test,
  answer: Answer,
  code: ErrorCode,
  detail: RegExp = /./,
  message: string = code,
): void {
  const { status, title } = CATALOGUE[code];
  const isProblemType = answer.headers['content-type'] === 'application/problem+json';
  const body = isProblemType ? answer.json() : {};
  const said = String(body.detail);
  const mayRetry = status === 429 || status === 503;
  t.same(
    {
      status: answer.status,
      isProblemType,
      cacheControl: answer.headers['cache-control'],
      // In this order, and none beside them.
      members: Object.entries(body).filter(([name]) => name !== 'detail'),
      detail: detail.test(said) ? detail.source : said,
      isReadable: said.length < 1_000,
      hasRetryAfter: /^[1-9]\d*$/.test(answer.headers['retry-after'] ?? ''),
    },
    {
      status,
      isProblemType: true,
      cacheControl: 'no-store',
      members: [
        ['type', `urn:resultd:problem:${code}`],
        ['title', title],
        ['status', status],
      ],
      detail: detail.source,
      isReadable: true,
      hasRetryAfter: mayRetry,
    },
    message,
  );
}

/** Expects bytes to be exactly these. */
export function isExactly(t: Test, found: Buffer, wanted: Buffer | string, message: string): void {
  const bytes = Buffer.from(wanted);
  if (found.equals(bytes)) t.pass(message);
  else t.equal(found.toString('latin1'), bytes.toString('latin1'), message);
}

/** What a status view should say. JSON values are given as the text that is expected. */
export interface ExpectedView {
  readonly taskId: string;
  readonly state: string;
  readonly isErr?: boolean;
  /** The progress's JSON. */
  readonly progress?: string;
  readonly contentType?: string;
  readonly size?: number;
  readonly executionTime?: string;
  /** Undefined for the default of a day; null for never. */
  readonly ttlMs?: number | null;
  /** What stands behind the view's own members. */
  readonly embedded?: string;
}

/** The parts of a view that a test cannot know before. */
export interface ViewTimes {
  readonly version: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number | undefined;
}

/** Expects a body to be a status view, byte for byte, and its version the one of the headers. */
export function isView(t: Test, answer: Answer, expected: ExpectedView): ViewTimes {
  const { text } = answer;
  const isReady = expected.isErr !== undefined;
  const version = find(text, /"version":"([^"]*)"/);
  const created = find(text, /"created_at":"([^"]*)"/);
  const updated = find(text, /"updated_at":"([^"]*)"/);
  const expires = find(text, /"expires_at":"([^"]*)"/);
  const { ttlMs = DAY_MS, contentType } = expected;
  t.equal(
    text,
    `{"task_id":"${expected.taskId}","state":${JSON.stringify(expected.state)},"ready":${isReady}` +
      `,"is_err":${expected.isErr ?? null},"version":"${version}"` +
      `,"progress":${expected.progress ?? null}` +
      `,"content_type":${JSON.stringify(contentType ?? (isReady ? 'application/json' : null))}` +
      `,"size":${expected.size ?? null},"execution_time":${expected.executionTime ?? null}` +
      `,"created_at":"${created}","updated_at":"${updated}","expires_at":` +
      `${ttlMs === null ? 'null' : `"${expires}"`}${expected.embedded ?? ''}}`,
    'the view, byte for byte',
  );
  const off = ttlMs === null ? 0 : Date.parse(expires) - Date.now() - ttlMs;
  t.same(
    {
      version: VERSION.test(version),
      times: [created, updated].every((time) => TIME.test(time)),
      order: Date.parse(created) <= Date.parse(updated),
      expiry: Math.abs(off) < TOLERANCE_MS ? 'as expected' : `off by ${off} ms`,
      header: answer.headers['task-version'] ?? answer.headers.etag?.slice(1, -1),
    },
    { version: true, times: true, order: true, expiry: 'as expected', header: version },
    'what the view says',
  );
  return {
    version,
    createdAt: Date.parse(created),
    updatedAt: Date.parse(updated),
    expiresAt: ttlMs === null ? undefined : Date.parse(expires),
  };
}

/** Expects the view of a task whose outcome is `SUCCESS`. */
export function isSuccessView(t: Test, answer: Answer, taskId: string, ttlMs?: number): ViewTimes {
  return isView(t, answer, {
    taskId,
    state: 'SUCCESS',
    isErr: false,
    size: SUCCESS.length,
    executionTime: '0.12',
    ...(ttlMs === undefined ? {} : { ttlMs }),
  });
}

function find(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[1] ?? '';
}

/** Expects the headers of a read that found the task. */
export function hasReadHeaders(t: Test, { headers }: Answer, state: string): void {
  t.same(
    {
      etag: /^"\d{13}-[0-9a-f]{16}\.(o|p|op)"$/.test(headers.etag ?? ''),
      state: headers['task-state'],
      cacheControl: headers['cache-control'],
      vary: headers.vary,
      // One second is too coarse, and Task-Version is for writes.
      others: [headers['last-modified'], headers['task-version']],
    },
    { etag: true, state, cacheControl: 'no-store', vary: 'Prefer', others: [undefined, undefined] },
    `headers of a read, ${state}`,
  );
}

/** Expects the headers of a write that was accepted; no ETag, since the body was transformed. */
export function hasWriteHeaders(
  t: Test,
  { headers }: Answer,
  state: string,
  location?: string,
): void {
  t.same(
    {
      version: VERSION.test(headers['task-version'] ?? ''),
      etag: headers.etag,
      state: headers['task-state'],
      cacheControl: headers['cache-control'],
      location: headers.location,
    },
    { version: true, etag: undefined, state, cacheControl: 'no-store', location },
    `headers of a write, ${state}`,
  );
}

/** Headers that differ between two answers to the same request, by nature. */
const PER_ANSWER = new Set(['date', 'connection', 'keep-alive']);

/** Expects HEAD to say what GET says, without its body. */
export function isHeadOf(t: Test, head: Answer, get: Answer, message: string): void {
  const lasting = ({ headers }: Answer): object =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !PER_ANSWER.has(name)));
  t.same(
    { status: head.status, body: head.text, headers: lasting(head) },
    { status: get.status, body: '', headers: lasting(get) },
    message,
  );
}
