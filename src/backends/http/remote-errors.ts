/**
 * What goes wrong between here and a remote resultd, as this package's errors: connections that
 * fail, problem documents of the service, and answers that are not the service's own at all.
 */

import { CATALOGUE, type ErrorCode, ResultdError, shown, storeUnavailable } from '../../errors.js';
import type { RemoteAnswer } from './remote-connections.js';

const PROBLEM_TYPE = 'urn:resultd:problem:';
/** Codes of a service that cannot serve now: for a caller here, the store could not be asked. */
const UNAVAILABLE: readonly ErrorCode[] = ['store-unavailable', 'overloaded', 'draining'];

/** Statuses of a service that is not ready for a request. */
const RETRIED = [429, 502, 503, 504];

/** Failures before anything was sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** Failures that the next try would meet too. */
const HOPELESS = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO$|HPE_)/;

/** The code of an error, or of the first of those that it stands for (one for each address). */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: readonly unknown[] };
  if (typeof code === 'string') return code;
  return errors?.[0] === undefined ? '' : codeOf(errors[0]);
}

/** Whether the service may have had the request. */
export function wasSent(error: unknown): boolean {
  const { syscall } = error as { syscall?: unknown };
  return syscall !== 'connect' && !NOT_SENT.has(codeOf(error));
}

/** Whether to try again is no use. */
export function isHopeless(error: unknown): boolean {
  return HOPELESS.test(codeOf(error));
}

/** Why a try has failed, for people. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code.startsWith('HPE_')) return `what answers there does not speak HTTP (${code})`;
  if (isHopeless(error)) return `TLS does not come about (${code}: ${textOf(error)})`;
  if (!wasSent(error)) return `it cannot be reached (${code})`;
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'its answer stopped on the way';
  if (code === 'NO_ANSWER') return 'it did not answer in time';
  return `the connection was lost before the answer (${code === '' ? textOf(error) : code})`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The problem that an answer tells of; undefined where it is none of a resultd's own. */
export function problemIn(answer: RemoteAnswer): ResultdError | undefined {
  if (!answer.header('content-type')?.startsWith('application/problem+json')) return undefined;
  let problem: { type?: unknown; detail?: unknown };
  try {
    problem = JSON.parse(answer.body.toString()) as typeof problem;
  } catch {
    return undefined;
  }
  const { type, detail } = problem ?? {};
  if (typeof type !== 'string' || !type.startsWith(PROBLEM_TYPE)) return undefined;
  const code = type.slice(PROBLEM_TYPE.length);
  if (!Object.hasOwn(CATALOGUE, code)) return undefined;
  return new ResultdError(
    code as ErrorCode,
    typeof detail === 'string' ? detail : CATALOGUE[code as ErrorCode].title,
    { taskState: stateIn(answer), retryAfterMs: retryAfterMs(answer) },
  );
}

/** Milliseconds of a `Retry-After` (RFC 9110 §10.2.3); undefined where there is none. */
function retryAfterMs(answer: RemoteAnswer): number | undefined {
  const header = answer.header('retry-after');
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** `Task-State`, decoded; undefined where the answer has none. */
function stateIn(answer: RemoteAnswer): string | undefined {
  const header = answer.header('task-state');
  try {
    return header === undefined ? undefined : decodeURIComponent(header);
  } catch {
    return undefined;
  }
}

/** Whether a request that was answered with this status may be tried again. */
export function isRetried(status: number): boolean {
  return RETRIED.includes(status);
}

/**
 * Whether a request with one of the answers that are tried again may have been carried out. A 429
 * and a 503 say that it was not, but for a service whose store did not answer it in time; of a
 * gateway's answers one cannot know.
 */
export function mayBeDone(answer: RemoteAnswer): boolean {
  if (answer.status === 429) return false;
  return answer.status !== 503 || problemIn(answer)?.code === 'store-unavailable';
}

/** The error that an answer is which its request did not expect. `where` is the service's URL. */
export function errorOf(answer: RemoteAnswer, where: string): ResultdError {
  const problem = problemIn(answer);
  if (problem === undefined) return foreignAnswer(answer, where);
  if (UNAVAILABLE.includes(problem.code)) {
    return new ResultdError('store-unavailable', `the resultd at ${where}: ${problem.message}`, {
      cause: problem,
      retryAfterMs: problem.retryAfterMs,
    });
  }
  switch (problem.code) {
    case 'route-unknown':
    case 'method-not-allowed':
      return storeUnavailable(
        `the resultd at ${where} does not serve what was asked of it (${problem.message}): is the ` +
          'path of the URL right, and is it as new as this one?',
        problem,
      );
    case 'unauthenticated':
    case 'forbidden':
      return new ResultdError(
        problem.code,
        `the resultd at ${where} refuses these credentials, or asks for some: ${problem.message}`,
        { cause: problem },
      );
    case 'internal':
      return new ResultdError('internal', `the resultd at ${where}: ${problem.message}`, {
        cause: problem,
      });
    default:
      return problem;
  }
}

/** An answer that is no resultd's: a proxy's, or that of something else at this address. */
function foreignAnswer(answer: RemoteAnswer, where: string): ResultdError {
  const { status } = answer;
  const type = answer.header('content-type');
  const what = `${status}${type === undefined ? '' : `, ${shown(type)}`}`;
  if (status === 401 || status === 407) {
    return new ResultdError(
      'unauthenticated',
      `something in front of the resultd at ${where} asks for credentials (${what}): put them into the URL`,
    );
  }
  if (status === 403) {
    return new ResultdError(
      'forbidden',
      `something in front of the resultd at ${where} does not let this request pass (${what})`,
    );
  }
  if (status >= 300 && status < 400) {
    const location = answer.header('location');
    return storeUnavailable(
      `${where} answers with a redirect (${what})` +
        `${location === undefined ? '' : ` to ${shown(withoutQuery(location))}`}, which is not ` +
        'followed: give the URL of the resultd itself',
    );
  }
  if (isRetried(status)) {
    return new ResultdError(
      'store-unavailable',
      `something in front of the resultd at ${where} answers in its place (${what}): it cannot be asked`,
      { retryAfterMs: retryAfterMs(answer) },
    );
  }
  return storeUnavailable(
    `what answers at ${where} is not a resultd, or something in front of it (${what}): is the URL ` +
      'right, with its path?',
  );
}

/** Who redirects to a login may have put a secret there. */
function withoutQuery(location: string): string {
  return location.replace(/[?#].*$/s, '').replace(/\/\/[^/]*@/, '//');
}
