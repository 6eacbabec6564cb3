/**
 * The one place where the client's and the server's errors become this package's. Whatever keeps
 * NATS from doing its work is `store-unavailable`.
 */
import { errors } from '@nats-io/transport-node';
import { ResultdError, storeUnavailable } from '../../errors.js';

/** What the server's answers mean to an operator, by their `err_code`. */
const ANSWERS: Readonly<Record<number, string>> = {
  10008: 'JetStream is not available right now: try again soon',
  10023: 'JetStream has not enough room: raise its limits, or shorten the times to live',
  10039: 'JetStream is not enabled for this account',
  10047: 'JetStream has not enough storage: raise max_file_store, or shorten the times to live',
  10059: 'the stream is not there: leave out create=never, or make it as the documents say',
  10074: 'replicas need a cluster of that many servers',
  10076: 'JetStream is not enabled: start the server with -js',
  10077: 'the stream is full: raise its max_bytes, or shorten the times to live',
};

/** An answer of JetStream's API that says what is wrong. */
export class JetStreamError extends Error {
  readonly errCode: number;

  constructor(errCode: number, description: string) {
    super(description);
    this.errCode = errCode;
  }
}

/** The connection went while a call was on its way. */
export class ConnectionLost extends Error {}

/** Any error of the client, as it was met while asking the server at `address`. */
export function wrapped(error: unknown, address: string, lastError?: unknown): ResultdError {
  if (error instanceof ResultdError) return error;
  return storeUnavailable(`NATS at ${address}: ${reasonOf(error, lastError)}`, error);
}

function reasonOf(error: unknown, lastError: unknown): string {
  if (error instanceof JetStreamError) {
    return (
      ANSWERS[error.errCode] ?? `it answered ${error.message.slice(0, 200)} (${error.errCode})`
    );
  }
  if (error instanceof errors.TimeoutError) {
    return 'it did not answer in time; a write may yet be done';
  }
  if (error instanceof errors.AuthorizationError) {
    return 'it refuses the user, the password, the token or the key';
  }
  if (error instanceof errors.PermissionViolationError) {
    return `the user may not ${error.operation === 'publish' ? 'publish' : 'subscribe'} to ${error.subject}`;
  }
  if (error instanceof errors.NoRespondersError) {
    return 'nobody answers for the stream: JetStream is not enabled, or it has no leader now';
  }
  if (error instanceof ConnectionLost) {
    const because = lastError === undefined ? '' : `: ${reasonOf(lastError, undefined)}`;
    return `${error.message}${because}`;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  return `it cannot be reached (${code ?? cause?.code ?? message})`;
}
