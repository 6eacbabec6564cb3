/**
 * A backend's NATS URL, taken apart once. No message here shows the URL: it may hold a password.
 *
 * It is read by hand, since a URL as Node.js knows it has one host. Keys and credentials come from
 * files, so that the URL need not hold them.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { invalidParameter, shown } from '../../errors.js';

export interface NatsSettings {
  /** `host:port` of the servers to begin with; a cluster names its others. */
  readonly servers: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  /** The path of a file with an nkey's seed. */
  readonly nkeyFile: string | undefined;
  /** The path of a credentials file: a JWT and its seed. */
  readonly credsFile: string | undefined;
  /** Undefined where the server decides; else TLS is insisted on. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
  /** The stream's name, and the first token of every subject. */
  readonly bucket: string;
  readonly storage: 'file' | 'memory';
  readonly replicas: number;
  /** Whether the stream is made, or brought up to date, where it has to be. */
  readonly creates: boolean;
  /** Whether to warn that JetStream acknowledges before it syncs. */
  readonly warnsOfSync: boolean;
}

const FORM =
  'nats://[user:password@ or token@]host[:port],…[?bucket=resultd&storage=file&replicas=1]';
const DEFAULT_PORT = 4222;
/** Scheme, credentials, hosts, path, query. */
const PARTS = /^(nats|tls):\/\/(?:([^/?#]*)@)?([^/?#]*)(\/?)(?:\?([^#]*))?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/i;
const CHOICES = {
  storage: ['file', 'memory'],
  create: ['missing', 'never'],
  sync_warning: ['on', 'off'],
} as const;
const TEXTS = ['bucket', 'replicas', 'nkey', 'creds', 'tls_ca', 'tls_cert', 'tls_key'] as const;
const KNOWN: readonly string[] = [...TEXTS, ...Object.keys(CHOICES)];

/** Throws `invalid-parameter`. Relative paths start in `baseDirectory`. */
export function parseNatsUrl(text: string, baseDirectory: string = process.cwd()): NatsSettings {
  const parts = PARTS.exec(text);
  const servers = serversIn(parts?.[3] ?? '');
  if (parts === null || servers === undefined) {
    throw invalidParameter(`the NATS URL is not valid: write ${FORM}`);
  }
  const query = new URLSearchParams(parts[5] ?? '');
  checkNames(query);
  const file = (name: (typeof TEXTS)[number]): string | undefined => {
    const path = query.get(name);
    return path === null ? undefined : readable(name, resolve(baseDirectory, path));
  };
  return {
    servers,
    ...loginIn(parts[2] ?? '', query),
    nkeyFile: file('nkey'),
    credsFile: file('creds'),
    tls: tlsIn(parts[1] === 'tls', {
      ca: file('tls_ca'),
      cert: file('tls_cert'),
      key: file('tls_key'),
    }),
    bucket: bucketIn(query),
    storage: choiceIn(query, 'storage'),
    replicas: replicasIn(query),
    creates: choiceIn(query, 'create') === 'missing',
    warnsOfSync: choiceIn(query, 'sync_warning') === 'on',
  };
}

function serversIn(hosts: string): readonly string[] | undefined {
  const servers: string[] = [];
  for (const text of hosts.split(',')) {
    const match = HOST.exec(text === '' && hosts === '' ? 'localhost' : text);
    const port = Number(match?.[2] ?? DEFAULT_PORT);
    if (match === null || port < 1 || port > 65_535) return undefined;
    servers.push(`${match[1]}:${port}`);
  }
  return servers;
}

function checkNames(query: URLSearchParams): void {
  for (const name of query.keys()) {
    if (KNOWN.includes(name)) continue;
    throw invalidParameter(
      `${shown(name)} is not a parameter of a NATS URL: use ${KNOWN.join(', ')}`,
    );
  }
}

/** A user and a password, or a token alone, as NATS writes it. One way to log in is enough. */
function loginIn(
  credentials: string,
  query: URLSearchParams,
): Pick<NatsSettings, 'user' | 'password' | 'token'> {
  const ways = [credentials !== '', query.has('nkey'), query.has('creds')];
  if (ways.filter(Boolean).length > 1) {
    throw invalidParameter(
      'the NATS URL names more than one of user or token, nkey and creds: give one of them',
    );
  }
  const colon = credentials.indexOf(':');
  if (colon < 0) return { user: undefined, password: undefined, token: decoded(credentials) };
  return {
    user: decoded(credentials.slice(0, colon)),
    password: decoded(credentials.slice(colon + 1)),
    token: undefined,
  };
}

function decoded(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text);
  } catch {
    throw invalidParameter(
      "the NATS URL's user, password or token is not percent-encoded: write % as %25",
    );
  }
}

function readable(name: string, path: string): string {
  try {
    readFileSync(path);
    return path;
  } catch (cause) {
    throw invalidParameter(`${name} cannot be read: ${(cause as Error).message}`);
  }
}

function tlsIn(
  isTls: boolean,
  { ca, cert, key }: Readonly<Record<'ca' | 'cert' | 'key', string | undefined>>,
): NatsSettings['tls'] {
  if (!isTls && (ca ?? cert ?? key) !== undefined) {
    throw invalidParameter('tls_ca, tls_cert and tls_key are for a tls: URL only');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidParameter('tls_cert and tls_key go together: give both, or neither');
  }
  if (!isTls) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function bucketIn(query: URLSearchParams): string {
  const bucket = query.get('bucket') ?? 'resultd';
  if (/^[A-Za-z0-9_-]{1,64}$/.test(bucket)) return bucket;
  throw invalidParameter(
    `the bucket ${shown(bucket)} is not valid: use 1 to 64 characters of A-Z a-z 0-9 _ -`,
  );
}

function replicasIn(query: URLSearchParams): number {
  const replicas = query.get('replicas') ?? '1';
  if (/^[1-5]$/.test(replicas)) return Number(replicas);
  throw invalidParameter(`replicas is ${shown(replicas)}: give a number from 1 to 5`);
}

function choiceIn<Name extends keyof typeof CHOICES>(
  query: URLSearchParams,
  name: Name,
): (typeof CHOICES)[Name][number] {
  const choices: readonly string[] = CHOICES[name];
  const value = query.get(name) ?? choices[0]!;
  if (!choices.includes(value)) {
    throw invalidParameter(`${name} is ${shown(value)}: say ${choices.join(' or ')}`);
  }
  return value as (typeof CHOICES)[Name][number];
}
