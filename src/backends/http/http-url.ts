/**
 * The URL of a remote resultd, taken apart once. No message here shows it whole: it may hold
 * credentials.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { invalidParameter, shown } from '../../errors.js';
import { parseDuration } from '../../units.js';

export interface RemoteSettings {
  /** `https://host:port` */
  readonly origin: string;
  /** What every path starts with: empty, or `/prefix`. */
  readonly basePath: string;
  /** Where the service is, as errors show it. */
  readonly shown: string;
  /** The value of the Authorization header; undefined where there are no credentials. */
  readonly authorization: string | undefined;
  /** How long a call may take, in milliseconds; undefined where the URL does not say. */
  readonly timeoutMs: number | undefined;
  /** Certificates to trust; undefined for those that Node trusts. */
  readonly ca: readonly string[] | undefined;
}

interface RemoteUrlOptions {
  /** A bearer token (RFC 6750); it wins over one in the URL. */
  readonly token?: string | undefined;
  /** Where a relative `tls_ca` starts. Default: the working directory. */
  readonly baseDirectory?: string | undefined;
}

const FORM = 'http[s]://[token@]host[:port][/prefix][?timeout=10s]';
const PARAMETERS = ['timeout', 'tls_ca'];

/** Throws `invalid-parameter`. */
export function parseHttpUrl(text: string, options: RemoteUrlOptions = {}): RemoteSettings {
  if (!/^https?:\/\/[^/?#]/i.test(text) || !URL.canParse(text)) {
    throw invalidParameter(`the URL of the resultd is not valid: write ${FORM}`);
  }
  const url = new URL(text);
  if (url.hash !== '') throw invalidParameter(`the URL of a resultd has no "#": write ${FORM}`);
  for (const name of url.searchParams.keys()) {
    if (PARAMETERS.includes(name)) continue;
    throw invalidParameter(
      `${shown(name)} is not a parameter of the URL of a resultd: use ${PARAMETERS.join(', ')}`,
    );
  }
  const ca = url.searchParams.get('tls_ca');
  if (ca !== null && url.protocol !== 'https:') {
    throw invalidParameter('tls_ca is for an https: URL only');
  }
  const basePath = url.pathname.replace(/\/+$/, '');
  return {
    origin: url.origin,
    basePath,
    shown: url.origin + basePath,
    authorization: authorizationOf(url, options.token),
    timeoutMs: timeoutIn(url.searchParams.get('timeout')),
    ca: ca === null ? undefined : trusted(resolve(options.baseDirectory ?? process.cwd(), ca)),
  };
}

/** A name alone, or a password alone, is a token; both are for a proxy that asks for them. */
function authorizationOf(url: URL, option: string | undefined): string | undefined {
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (option === undefined && username !== '' && password !== '') {
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }
  const token = option ?? (username === '' ? password : username);
  if (token === '') return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw invalidParameter('the token for the resultd has characters that no header can hold');
  }
  return `Bearer ${token}`;
}

function timeoutIn(text: string | null): number | undefined {
  if (text === null) return undefined;
  const timeoutMs = parseDuration(text);
  if (timeoutMs === undefined || timeoutMs === 0) {
    throw invalidParameter(`timeout is ${shown(text)}: give a duration above 0, such as 10s`);
  }
  return timeoutMs;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidParameter(
      'the user or the password in the URL of the resultd is not percent-encoded: write % as %25',
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
