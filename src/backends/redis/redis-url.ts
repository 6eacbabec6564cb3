/**
 * A backend's Redis URL, taken apart once. No message here shows the URL: it may hold a password.
 *
 * `redis://[user:password@]host[:port][/database][?prefix=app:]`, or `rediss:` for TLS, where
 * `?tls_ca=file.pem` names certificates to trust beside the ones that Node.js trusts. With
 * `?listing=off` no index for lists and stats is kept.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { invalidParameter, shown } from '../../errors.js';

export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What every key and channel starts with. */
  readonly prefix: string;
  /** Whether indexes for lists and stats are kept. */
  readonly listing: boolean;
  /** Undefined without TLS. */
  readonly tls: { readonly ca?: readonly string[] } | undefined;
}

const FORM = 'redis://[user:password@]host[:port][/database][?prefix=app:]';
const PARAMETERS = ['prefix', 'listing', 'tls_ca'];

/** Throws `invalid-parameter`. Relative paths start in `baseDirectory`. */
export function parseRedisUrl(text: string, baseDirectory: string = process.cwd()): RedisSettings {
  if (!URL.canParse(text)) throw invalidParameter(`the Redis URL is not valid: write ${FORM}`);
  const url = new URL(text);
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) {
      throw invalidParameter(
        `${shown(name)} is not a parameter of a Redis URL: use ${PARAMETERS.join(', ')}`,
      );
    }
  }
  const path = /^\/?(\d{0,9})$/.exec(url.pathname);
  if (path === null) {
    throw invalidParameter(
      `${shown(url.pathname.slice(1))} is not a Redis database: give a number, such as /2`,
    );
  }
  const isTls = url.protocol === 'rediss:';
  const ca = url.searchParams.get('tls_ca');
  if (ca !== null && !isTls) throw invalidParameter('tls_ca is for a rediss: URL only');
  const listing = url.searchParams.get('listing') ?? 'on';
  if (listing !== 'on' && listing !== 'off') {
    throw invalidParameter(`listing=${shown(listing)} is neither on nor off`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: url.port === '' ? 6379 : Number(url.port),
    username: decoded(url.username),
    password: decoded(url.password),
    database: Number(path[1]),
    prefix: url.searchParams.get('prefix') ?? 'resultd:',
    listing: listing === 'on',
    tls: isTls ? (ca === null ? {} : { ca: trusted(resolve(baseDirectory, ca)) }) : undefined,
  };
}

function decoded(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text);
  } catch {
    throw invalidParameter(
      "the Redis URL's user or password is not percent-encoded: write % as %25",
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
