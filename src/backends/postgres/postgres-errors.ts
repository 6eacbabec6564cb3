/**
 * The one place where the client's errors become this package's. Whatever keeps PostgreSQL from doing
 * its work is `store-unavailable`; its SQLSTATE says what an operator can do.
 */
import { DatabaseError } from 'pg';
import { ResultdError, storeUnavailable } from '../../errors.js';
import { addressText, type PostgresAddress } from './postgres-url.js';

/** A statement was not answered in its time, and its connection is given up. */
export class StatementTimeout extends Error {
  constructor() {
    super('it did not answer in time; a write may have been done');
  }
}

/** The connection went while a statement was under way on it. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super('the connection was lost before the answer; a write may have been done', { cause });
  }
}

/** What SQLSTATEs mean to an operator: whole ones, or their class. None of these has written. */
const STATES: Readonly<Record<string, string>> = {
  '57014': 'a statement was cancelled, since it took too long: is the table locked? See pg_locks',
  '28P01': 'it refuses the user or the password',
  '28000': 'it lets this user in from here not at all, or not without TLS: see pg_hba.conf',
  '3D000': 'there is no such database',
  '42501': 'the user may not do this: see the rights that docs/backends.md lists',
  '25006': 'it takes no writes: it is a standby, or set to read only; use the primary',
  '42P01': 'the table is missing: start resultd once without create=never, or make it by hand',
  '3F000': 'the schema is missing: start resultd once without create=never, or make it by hand',
  '53100': 'its disk is full',
  '53300': 'it has too many connections: raise max_connections, or lower connections in the URL',
  '26000':
    'a prepared statement is not where it was put: behind a pooler say prepare=off in the URL',
  '42P05':
    'a prepared statement is where it was not put: behind a pooler say prepare=off in the URL',
  '57P01': 'an administrator has ended the connection; a write may have been done',
  '57P03': 'it is starting up or shutting down: try again soon',
};

/** Any error of the client, as it was met while asking the server at `address`. */
export function wrapped(error: unknown, address: PostgresAddress): ResultdError {
  if (error instanceof ResultdError) return error;
  return storeUnavailable(`PostgreSQL at ${addressText(address)}: ${reasonOf(error)}`, error);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof DatabaseError) {
    const { code = '' } = error;
    const said = `it answered ${error.message.slice(0, 200)} (${code})`;
    const meaning = STATES[code];
    return meaning === undefined ? said : `${meaning}; ${said}`;
  }
  if (error instanceof ConnectionLost) {
    return error.cause instanceof DatabaseError ? reasonOf(error.cause) : error.message;
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `it cannot be reached (${code}: ${error.message})`;
}
