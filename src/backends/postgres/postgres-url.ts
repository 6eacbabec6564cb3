/**
 * A backend's PostgreSQL URL, taken apart once. No message here shows the URL: it may hold a password,
 * and `listen` a second one.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { invalidParameter, shown } from '../../errors.js';

/** Where a server is, and who asks it. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** Undefined without TLS. */
  readonly tls: ConnectionOptions | undefined;
}

export interface PostgresSettings {
  readonly address: PostgresAddress;
  /** Where notifications are listened to: as `address`, unless the URL says otherwise. */
  readonly listenAddress: PostgresAddress;
  readonly schema: string;
  readonly table: string;
  /** How many connections take statements; listening has one more. */
  readonly connections: number;
  /** Whether statements are prepared once for each connection. */
  readonly isPreparing: boolean;
  /** Whether the table is made, and brought up to date, at the start. */
  readonly isCreating: boolean;
}

const FORM = 'postgres://user:password@host[:port]/database[?schema=public&table=resultd_tasks]';
const PLACE_PARAMETERS = ['sslmode', 'sslrootcert'];
const PARAMETERS = ['schema', 'table', 'connections', 'listen', 'prepare', 'create'];
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'];
/** What needs no quotes in SQL, so that an operator who types it meets no surprise. */
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/;
/** PostgreSQL cuts longer names, and the channel's is made of both. */
const LONGEST_NAME = 63;

/** Throws `invalid-parameter`. A relative `sslrootcert` starts in `baseDirectory`. */
export function parsePostgresUrl(
  text: string,
  baseDirectory: string = process.cwd(),
): PostgresSettings {
  const url = urlOf(text, 'the PostgreSQL URL');
  const parameters = url.searchParams;
  checkParameters(parameters, [...PLACE_PARAMETERS, ...PARAMETERS]);
  const [schema, table] = [parameters.get('schema') ?? 'public', tableIn(parameters)];
  for (const [name, value] of Object.entries({ schema, table })) {
    if (IDENTIFIER.test(value)) continue;
    throw invalidParameter(
      `${name} is ${shown(value)}: use lower-case letters, digits and underscores`,
    );
  }
  if (channelOf({ schema, table }).length > LONGEST_NAME) {
    throw invalidParameter(
      `schema ${shown(schema)} and table ${shown(table)} are too long: together they have at most ` +
        `${LONGEST_NAME - channelOf({ schema: '', table: '' }).length} characters`,
    );
  }
  const address = addressIn(url, baseDirectory);
  const listen = parameters.get('listen');
  return {
    address,
    listenAddress: listen === null ? address : listenAddressIn(listen, baseDirectory),
    schema,
    table,
    connections: connectionsIn(parameters),
    isPreparing: oneOf(parameters, 'prepare', ['on', 'off']) === 'on',
    isCreating: oneOf(parameters, 'create', ['auto', 'never']) === 'auto',
  };
}

/** The channel on which all changes of a table are told. */
export function channelOf({ schema, table }: { schema: string; table: string }): string {
  return `resultd:${schema}.${table}`;
}

/** `host:port/database`, with brackets where the host has colons: never with credentials. */
export function addressText({ host, port, database }: PostgresAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

function urlOf(text: string, what: string): URL {
  // The error of `URL` holds the text.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw invalidParameter(
      `${what} is not valid: write ${FORM}, and of a user or password every : / ? # @ % as %3A and so on`,
    );
  }
  if (url.host.includes(',')) throw invalidParameter(`${what} names several hosts: give one`);
  if (url.hash !== '') {
    throw invalidParameter(`${what} has a # in it: in a user or password it is written %23`);
  }
  return url;
}

function listenAddressIn(text: string, baseDirectory: string): PostgresAddress {
  const url = urlOf(text, 'listen, the URL of the listening connection,');
  checkParameters(url.searchParams, PLACE_PARAMETERS);
  return addressIn(url, baseDirectory);
}

function addressIn(url: URL, baseDirectory: string): PostgresAddress {
  const user = decoded(url.username);
  if (user === '') throw invalidParameter(`the PostgreSQL URL names no user: write ${FORM}`);
  const database = decoded(url.pathname.slice(1));
  return {
    host: (url.hostname || 'localhost').replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 5432),
    user,
    password: decoded(url.password) || undefined,
    database: database || user,
    tls: tlsIn(url.searchParams, baseDirectory),
  };
}

/** As libpq has it, but for `prefer`, which is no protection, and is not the default here. */
function tlsIn(parameters: URLSearchParams, baseDirectory: string): ConnectionOptions | undefined {
  const file = parameters.get('sslrootcert');
  const mode = oneOf(parameters, 'sslmode', SSL_MODES);
  if (mode === 'disable') {
    if (file === null) return undefined;
    throw invalidParameter('sslrootcert says nothing without sslmode=verify-full');
  }
  if (mode === 'require' && file === null) return { rejectUnauthorized: false };
  const trusted = file === null ? {} : { ca: certificateIn(resolve(baseDirectory, file)) };
  if (mode === 'verify-full') return { rejectUnauthorized: true, ...trusted };
  return { rejectUnauthorized: true, ...trusted, checkServerIdentity: () => undefined };
}

function certificateIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalidParameter(`sslrootcert cannot be read: ${(cause as Error).message}`);
  }
}

function tableIn(parameters: URLSearchParams): string {
  return parameters.get('table') ?? 'resultd_tasks';
}

function connectionsIn(parameters: URLSearchParams): number {
  const text = parameters.get('connections') ?? '4';
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 100) return count;
  throw invalidParameter(`connections is ${shown(text)}: give a number from 1 to 100`);
}

/** The parameter's value, or the first of the values that it may have. */
function oneOf(parameters: URLSearchParams, name: string, values: readonly string[]): string {
  const value = parameters.get(name) ?? values[0]!;
  if (values.includes(value)) return value;
  throw invalidParameter(`${name} is ${shown(value)}: say ${values.join(' or ')}`);
}

function checkParameters(parameters: URLSearchParams, known: readonly string[]): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    throw invalidParameter(
      `${shown(name)} is not a parameter of this PostgreSQL URL: use ${known.join(', ')}`,
    );
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidParameter(
      "the PostgreSQL URL's user, password or database is not percent-encoded: write % as %25",
    );
  }
}
