/** Errors as problem documents (RFC 9457), the only form in which this service answers an error. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyError } from 'fastify';
import { CATALOGUE, type ErrorCode, ResultdError, resultdError, shown } from '../errors.js';

export const PROBLEM_TYPE = 'application/problem+json';
/** The framework's code for a body that is over the limit, and was not read to its end. */
export const BODY_TOO_LARGE = 'FST_ERR_CTP_BODY_TOO_LARGE';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

/** The problem document of an error. */
export function problemOf(error: ResultdError): Problem {
  return {
    type: `urn:resultd:problem:${error.code}`,
    title: CATALOGUE[error.code].title,
    status: error.status,
    detail: adviceIn(error),
  };
}

const STORE_FAILED =
  'the store could not be asked, or not in time: try again in a moment. The log of this service says why';
const TRY_AGAIN = '. Try again in a moment';

/**
 * What a store says of itself, with its address, is for its operator, and in the log: who has asked is told
 * what to do.
 */
function adviceIn({ code, message, cause }: ResultdError): string {
  if (code === 'store-unavailable' && cause !== undefined) return STORE_FAILED;
  const isSaid = code !== 'store-unavailable' || /try again/i.test(message);
  return isSaid ? message : message + TRY_AGAIN;
}

/** The seconds after which an error may have passed; undefined where waiting does not help. */
export function retryAfter(error: ResultdError): number | undefined {
  const { status } = error;
  return status === 429 || status === 503 ? 1 + Math.floor(Math.random() * 3) : undefined;
}

/** Any error as this package's own: the framework's are translated, the rest is `internal`. */
export function toResultdError(
  error: FastifyError | Error,
  { url, headers }: { url: string; headers: IncomingHttpHeaders },
  bodyLimit: number,
): ResultdError {
  if (error instanceof ResultdError) return error;
  const { code, statusCode } = error as FastifyError;
  switch (code) {
    case BODY_TOO_LARGE:
      return new ResultdError(
        'too-large',
        `the body is larger than ${bodyLimit} bytes, which is the limit here: store the value ` +
          'elsewhere and report a reference to it, or raise RESULTD_BODY_LIMIT',
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return mediaType(`the Content-Type ${shown(headers['content-type'])} is not a media type`);
    case 'FST_ERR_BAD_URL':
      if (!url.startsWith('/')) {
        return new ResultdError(
          'invalid-request',
          `the target ${shown(url)} is neither a path nor a whole URL: send a path`,
        );
      }
      return new ResultdError(
        'invalid-request',
        `the path ${shown(url)} has a "%" that does not stand for UTF-8: write it as %25`,
      );
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ResultdError(
      'invalid-request',
      `the request is not valid: ${error.message}. Send it as /docs describes it`,
    );
  }
  return resultdError(error);
}

/** A 415 that says what to do. */
export function mediaType(
  what: string,
  advice = "add -H 'Content-Type: application/json'",
): ResultdError {
  return new ResultdError('media-type', `${what}: ${advice}`);
}

export function routeUnknown(path: string): ResultdError {
  return new ResultdError(
    'route-unknown',
    `there is nothing at ${shown(path)}: the paths are listed at /docs`,
  );
}

export function methodNotAllowed(method: string, path: string, allowed: string): ResultdError {
  return new ResultdError(
    'method-not-allowed',
    `${method} is not allowed at ${shown(path)}: use ${allowed}`,
  );
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

const CLIENT_ERRORS: Readonly<Record<string, { status: number; detail: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    detail: 'the request line and its headers are larger than 16 KiB: send fewer or shorter ones',
  },
  HPE_INVALID_EOF_STATE: {
    status: 400,
    detail: 'the connection ended before the request did: send it again, whole',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    detail: 'the request did not arrive in time: send it again',
  },
};

/** The whole response to bytes that are not an HTTP request, as it goes onto the socket. */
export function rawProblemResponse(error: Error & { code?: string }): string {
  const code: ErrorCode = 'invalid-request';
  const known = CLIENT_ERRORS[error.code ?? ''];
  const status = known?.status ?? 400;
  const detail =
    known?.detail ??
    `the request is not valid HTTP/1.1: ${error.message}. Send it as RFC 9112 has it`;
  const body = JSON.stringify(problemOf(new ResultdError(code, detail, { status })));
  return (
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\n` +
    `Connection: close\r\n\r\n${body}`
  );
}
