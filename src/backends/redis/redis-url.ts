/**
 * A backend's Redis URL, taken apart once. No message here shows the URL: it may hold a password.
 *
 * Three forms, each also with `rediss` for TLS; `FORMS` has them as errors show them. They are read
 * by hand, since a URL as Node.js knows it has one host.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { invalidParameter, shown } from '../../errors.js';
import { parseDuration } from '../../units.js';

export type Kind = 'single' | 'sentinel' | 'cluster';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RedisSettings {
  readonly kind: Kind;
  /** The server; or the sentinels; or some nodes of the cluster, which name the others. */
  readonly addresses: readonly [Address, ...Address[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What every key and channel starts with. */
  readonly prefix: string;
  /** Whether indexes for lists and stats are kept. */
  readonly listing: boolean;
  /** Undefined without TLS. */
  readonly tls: { readonly ca?: readonly string[] } | undefined;
  /** Which primary the sentinels are asked for, and how. Undefined without sentinels. */
  readonly sentinel:
    | { readonly name: string; readonly username?: string; readonly password?: string }
    | undefined;
  /** How many replicas must have a write before it is acknowledged. */
  readonly waitReplicas: number;
  /** How long they may take, in milliseconds; undefined where the URL does not say. */
  readonly waitTimeoutMs: number | undefined;
}

const FORMS: Readonly<Record<Kind, string>> = {
  single: 'redis://[user:password@]host[:port][/database][?prefix=app:]',
  sentinel: 'redis+sentinel://[user:password@]sentinel[:port],…/name[/database][?prefix=app:]',
  cluster: 'redis+cluster://[user:password@]node[:port],…[?prefix=app:]',
};
const PARAMETERS = ['prefix', 'tls_ca', 'listing', 'wait_replicas', 'wait_timeout'];
const SENTINEL_PARAMETERS = ['sentinel_user', 'sentinel_password'];
const PORTS: Readonly<Record<Kind, number>> = { single: 6379, sentinel: 26379, cluster: 6379 };

/** Scheme, the rest of the scheme, credentials, hosts, path and query. */
const PARTS =
  /^(rediss?)(?:\+(sentinel|cluster))?:(?:\/\/(?:([^/?#]*)@)?([^/?#]*))?([^?#]*)(\?[^#]*)?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/i;

/** Throws `invalid-parameter`. Relative paths start in `baseDirectory`. */
export function parseRedisUrl(text: string, baseDirectory: string = process.cwd()): RedisSettings {
  const parts = PARTS.exec(text);
  const kind = (parts?.[2] ?? 'single') as Kind;
  const addresses = addressesIn(parts?.[4] ?? '', kind);
  if (parts === null || addresses === undefined) {
    throw invalidParameter(`the Redis URL is not valid: write ${FORMS[kind]}`);
  }
  const [, scheme, , credentials = '', , path = '', query = ''] = parts;
  const parameters = new URLSearchParams(query);
  checkParameters(parameters, kind);
  const colon = credentials.indexOf(':');
  const prefix = parameters.get('prefix') ?? 'resultd:';
  if (kind === 'cluster' && /[{}]/.test(prefix)) {
    throw invalidParameter(
      `the prefix ${shown(prefix)} holds a brace, which would put all tasks onto one node of the cluster: leave it out`,
    );
  }
  const ca = parameters.get('tls_ca');
  const isTls = scheme === 'rediss';
  if (ca !== null && !isTls) throw invalidParameter('tls_ca is for a rediss: URL only');
  const listing = parameters.get('listing') ?? 'on';
  if (listing !== 'on' && listing !== 'off') {
    throw invalidParameter(`listing is ${shown(listing)}: say on or off`);
  }
  return {
    kind,
    addresses,
    username: decoded(colon < 0 ? credentials : credentials.slice(0, colon)),
    password: decoded(colon < 0 ? '' : credentials.slice(colon + 1)),
    prefix,
    listing: listing === 'on',
    tls: isTls ? (ca === null ? {} : { ca: trusted(resolve(baseDirectory, ca)) }) : undefined,
    ...placeIn(path, kind, parameters),
    ...waitIn(parameters),
  };
}

function addressesIn(hosts: string, kind: Kind): RedisSettings['addresses'] | undefined {
  const addresses: Address[] = [];
  for (const text of kind === 'single' ? [hosts] : hosts.split(',')) {
    const match = HOST.exec(text === '' && kind === 'single' ? 'localhost' : text);
    const port = Number(match?.[2] ?? PORTS[kind]);
    if (match === null || port < 1 || port > 65_535) return undefined;
    addresses.push({ host: match[1]!.replace(/^\[(.*)\]$/, '$1'), port });
  }
  return addresses as [Address, ...Address[]];
}

function checkParameters(parameters: URLSearchParams, kind: Kind): void {
  const known = kind === 'sentinel' ? [...PARAMETERS, ...SENTINEL_PARAMETERS] : PARAMETERS;
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    throw invalidParameter(
      `${shown(name)} is not a parameter of this Redis URL: use ${known.join(', ')}`,
    );
  }
}

/** What the path says: the primary's name and the database. */
function placeIn(
  path: string,
  kind: Kind,
  parameters: URLSearchParams,
): Pick<RedisSettings, 'sentinel' | 'database'> {
  if (kind === 'cluster' && path !== '' && path !== '/') {
    throw invalidParameter('a Redis cluster has no databases: leave out the path of the URL');
  }
  let rest = path;
  let sentinel: RedisSettings['sentinel'];
  if (kind === 'sentinel') {
    const [, name = ''] = path.split('/', 2);
    if (name === '') {
      throw invalidParameter(
        `the Redis URL does not name the primary that the sentinels watch: write ${FORMS.sentinel}`,
      );
    }
    rest = path.slice(name.length + 1);
    const username = parameters.get('sentinel_user');
    const password = parameters.get('sentinel_password');
    sentinel = {
      name: decoded(name)!,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
    };
  }
  const database = /^\/?(\d{0,9})$/.exec(rest)?.[1];
  if (database === undefined) {
    throw invalidParameter(
      `${shown(rest.slice(1))} is not a Redis database: give a number, such as /2`,
    );
  }
  return { sentinel, database: Number(database) };
}

function waitIn(
  parameters: URLSearchParams,
): Pick<RedisSettings, 'waitReplicas' | 'waitTimeoutMs'> {
  const replicas = parameters.get('wait_replicas') ?? '0';
  if (!/^\d{1,3}$/.test(replicas)) {
    throw invalidParameter(`wait_replicas is ${shown(replicas)}: give a number, such as 1`);
  }
  const timeout = parameters.get('wait_timeout');
  if (timeout === null) return { waitReplicas: Number(replicas), waitTimeoutMs: undefined };
  const waitTimeoutMs = parseDuration(timeout);
  if (waitTimeoutMs === undefined || waitTimeoutMs === 0) {
    throw invalidParameter(`wait_timeout is ${shown(timeout)}: give a duration, such as 1s`);
  }
  if (Number(replicas) === 0) {
    throw invalidParameter(
      'wait_timeout says nothing without wait_replicas: give both, or neither',
    );
  }
  return { waitReplicas: Number(replicas), waitTimeoutMs };
}

function decoded(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text);
  } catch {
    throw invalidParameter(
      "the Redis URL's user, password or name is not percent-encoded: write % as %25",
    );
  }
}

function trusted(file: string): string[] {
  try {
    return [...rootCertificates, readFileSync(file, 'utf8')];
  } catch (cause) {
    throw invalidParameter(`tls_ca cannot be read: ${(cause as Error).message}`);
  }
}
