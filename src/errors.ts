/**
 * The errors of resultd: one class, one catalogue.
 *
 * Every error that a caller can meet is made by a function below, so that its message says what
 * was wrong, with the value, and what to do. A caller matches on `code`, never on the text. The
 * codes are also the problem types of the HTTP API (`urn:resultd:problem:<code>`, RFC 9457).
 */

/** What each code means to a client: the HTTP status, a fixed title, and whether to try again. */
export const CATALOGUE = {
  'invalid-body': { status: 400, title: 'The body is not valid', retryable: false },
  'invalid-parameter': { status: 400, title: 'A parameter is not valid', retryable: false },
  'invalid-task-id': { status: 400, title: 'The task id is not valid', retryable: false },
  'invalid-request': { status: 400, title: 'The request is not valid HTTP', retryable: false },
  unauthenticated: { status: 401, title: 'Authentication is needed', retryable: false },
  forbidden: { status: 403, title: 'The request is not allowed', retryable: false },
  'task-unknown': { status: 404, title: 'The task is unknown', retryable: false },
  'task-removed': { status: 410, title: 'The task was removed', retryable: false },
  'route-unknown': { status: 404, title: 'There is nothing at this path', retryable: false },
  'method-not-allowed': { status: 405, title: 'The method is not allowed', retryable: false },
  'outcome-conflict': {
    status: 409,
    title: 'The task has another outcome already',
    retryable: false,
  },
  'not-ready': { status: 409, title: 'The task has no outcome yet', retryable: true },
  'version-mismatch': { status: 412, title: 'The condition does not hold', retryable: false },
  'too-large': { status: 413, title: 'The body is too large', retryable: false },
  'media-type': { status: 415, title: 'The media type is not supported', retryable: false },
  'rate-limited': { status: 429, title: 'Too many requests', retryable: true },
  'too-many-waiters-for-caller': {
    status: 429,
    title: 'This caller has too many requests waiting',
    retryable: true,
  },
  internal: { status: 500, title: 'The service failed', retryable: false },
  unsupported: { status: 501, title: 'This store cannot do that', retryable: false },
  'too-many-waiters': { status: 503, title: 'Too many requests are waiting', retryable: true },
  'store-unavailable': { status: 503, title: 'The store could not be asked', retryable: true },
  overloaded: { status: 503, title: 'The service is overloaded', retryable: true },
  draining: { status: 503, title: 'The service is shutting down', retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof CATALOGUE;

export interface ResultdErrorOptions {
  /** What made it fail: the vendor's error, wrapped once at the backend's edge. */
  readonly cause?: unknown;
  /** The state of the task in question, as `Task-State` shows it, where it is known. */
  readonly taskState?: string | undefined;
  /** How long who refused it asks to wait before another try, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The HTTP status, where there is a closer one than the code's. */
  readonly status?: number;
}

/** The only error class that this package throws on purpose. */
export class ResultdError extends Error {
  override readonly name = 'ResultdError';
  readonly code: ErrorCode;
  /** True where the same call may succeed later. */
  readonly retryable: boolean;
  readonly taskState: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** The HTTP status that says it: the code's, unless there is a closer one. */
  readonly status: number;

  constructor(code: ErrorCode, message: string, options: ResultdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = CATALOGUE[code].retryable;
    this.taskState = options.taskState;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status ?? CATALOGUE[code].status;
  }
}

/**
 * A value as an error shows it: quoted, and cut at 100 characters. A URL that stands in the wrong place
 * may have a password in it.
 */
export function shown(value: unknown): string {
  const given = typeof value === 'string' ? value : String(value);
  const text = /^\s*[a-z][a-z0-9+.-]*:\/\//i.test(given) ? withoutCredentials(given.trim()) : given;
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/** Names as an error lists them: each as `shown`, and not more than ten of them. */
export function listed(names: readonly string[]): string {
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return names.slice(0, 10).map(shown).join(', ') + rest;
}

/** The error as it is answered; what nobody expected is `internal`, with its cause. */
export function resultdError(error: unknown): ResultdError {
  if (error instanceof ResultdError) return error;
  return new ResultdError(
    'internal',
    'the service failed on this request: it is a defect, and its log says more',
    { cause: error },
  );
}

export const invalidBody = (detail: string): ResultdError =>
  new ResultdError('invalid-body', detail);

export const invalidParameter = (detail: string): ResultdError =>
  new ResultdError('invalid-parameter', detail);

export const invalidTaskId = (taskId: unknown): ResultdError =>
  new ResultdError(
    'invalid-task-id',
    `the task id ${shown(taskId)} is not valid: use 1 to 255 characters of ` +
      `A-Z a-z 0-9 . _ ~ : @ + = - (and neither "." nor "..")`,
  );

export const invalidNamespace = (name: unknown): ResultdError =>
  new ResultdError(
    'invalid-parameter',
    `the namespace ${shown(name)} is not valid: use 1 to 64 characters of a-z 0-9 _ -`,
  );

export const outcomeConflict = (taskId: string, taskState: string): ResultdError =>
  new ResultdError(
    'outcome-conflict',
    `task ${shown(taskId)} has another outcome already (${taskState}), and the first one wins: ` +
      'nothing was changed. To replace it, use PUT',
    { taskState },
  );

export const notReady = (taskId: string, taskState: string): ResultdError =>
  new ResultdError(
    'not-ready',
    `task ${shown(taskId)} is ${taskState} and has no outcome yet: ask again later, or wait for ` +
      'it with ?wait=30s on a GET',
    { taskState },
  );

/** `version` and `taskState` are those of now; undefined where the task is unknown. */
export function versionMismatch(
  taskId: string,
  version: string | undefined,
  taskState = 'UNKNOWN',
): ResultdError {
  const found = version === undefined ? 'no version (it is unknown)' : `version "${version}"`;
  return new ResultdError(
    'version-mismatch',
    `the condition on task ${shown(taskId)} does not hold: it is now at ${found}. Nothing was ` +
      'changed: read the task again, and decide anew',
    { taskState },
  );
}

export const taskUnknown = (taskId: string): ResultdError =>
  new ResultdError(
    'task-unknown',
    `task ${shown(taskId)} is unknown: it was never reported here, or it has expired or was ` +
      'removed. To wait until it is reported, use ?wait=30s on a GET',
    { taskState: 'UNKNOWN' },
  );

export const taskRemoved = (taskId: string): ResultdError =>
  new ResultdError(
    'task-removed',
    `task ${shown(taskId)} was deleted or consumed while this request waited for it: stop waiting, ` +
      'unless it is to be run again',
    { taskState: 'UNKNOWN' },
  );

export const tooLarge = (size: number, limit: number): ResultdError =>
  new ResultdError(
    'too-large',
    `the record has ${size} bytes, and the limit is ${limit}: store the value elsewhere, and ` +
      'report a reference to it',
  );

export const progressTooLarge = (size: number, limit: number): ResultdError =>
  new ResultdError(
    'too-large',
    `the progress has ${size} bytes, and the limit is ${limit}: report less and keep what is large ` +
      'for the outcome, or raise RESULTD_PROGRESS_LIMIT of the service',
  );

export const unsupported = (what: string, backend = 'this backend'): ResultdError =>
  new ResultdError(
    'unsupported',
    `${what}: ${backend} cannot do that. Do without it, or use another store`,
  );

export const storeUnavailable = (detail: string, cause?: unknown): ResultdError =>
  new ResultdError('store-unavailable', detail, { cause });

export const overloaded = (detail: string): ResultdError => new ResultdError('overloaded', detail);

export const notRunning = (state: string): ResultdError =>
  new ResultdError(
    'store-unavailable',
    state === 'new'
      ? 'the result backend is not started: call startup() first'
      : `the result backend is ${state}: it takes no more calls`,
  );

/** A number of things: `1 request`, `2 requests`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Who waits, and for how many tasks. */
interface Waiting {
  readonly waiters: number;
  readonly tasks: number;
}

export const tooManyWaiters = ({ waiters, tasks }: Waiting): ResultdError =>
  new ResultdError(
    'too-many-waiters',
    `${counted(waiters, 'request')} ${waiters === 1 ? 'is' : 'are'} waiting here for ` +
      `${counted(tasks, 'task')} already, which is the limit: try again ` +
      'later, or ask another replica',
  );

export const tooManyWaitersForCaller = (
  caller: string,
  { waiters, tasks }: Waiting,
): ResultdError =>
  new ResultdError(
    'too-many-waiters-for-caller',
    `${shown(caller)} has ${counted(waiters, 'request')} waiting for ${counted(tasks, 'task')} already, which is the limit ` +
      'for one caller: let one of them end first',
  );

export const tooManyReaders = (limit: number): ResultdError =>
  new ResultdError(
    'overloaded',
    `${counted(limit, 'event stream')} ${limit === 1 ? 'is' : 'are'} open here already, which is the limit: try again later, or ask ` +
      'another replica',
  );

export const draining = (): ResultdError =>
  new ResultdError('draining', 'this replica is shutting down: ask another one, or try again');

/** A backend's URL as it may be shown: what stands before its hosts, and every password, replaced. */
export function withoutCredentials(url: string): string {
  if (/^(lmdb|module|memory):/.test(url)) return url;
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@')
    .replace(/([?&](?:[^=&?]*password|listen)=)[^&]*/gi, '$1***');
}
