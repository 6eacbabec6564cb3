/** What a request's headers ask for: preferences, conditions, and the key that makes a repeat safe. */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidParameter, shown } from '../errors.js';
import type { Conditions } from '../result-backend/commands.js';

/** The `Prefer` header (RFC 7240): what a client would like, and may not get. */
export interface Preferences {
  /** `wait=n`, in milliseconds; undefined where it is not there or malformed (§4.3). */
  readonly waitMs: number | undefined;
  /** `return=minimal` (§4.2). */
  readonly isMinimal: boolean;
}

const NO_PREFERENCES: Preferences = { waitMs: undefined, isMinimal: false };
const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
/**
 * A name and its value, with the space after them; a quoted one may hold commas, and equal signs too
 * (§2). There is one way only to read a text, so that none takes long to be refused.
 */
const PAIR = `(${TOKEN})(?:[ \\t]*=(?:[ \\t]*(${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))?)?[ \\t]*`;
/** One preference with its parameters, and the comma after it. */
const PREFERENCE = new RegExp(`[ \\t]*(?:${PAIR}(?:;[ \\t]*(?:${PAIR})?)*)?(?:,|$)`, 'y');

/** What a `Prefer` header asks for. What is not known is ignored, and one that is malformed whole. */
export function parsePrefer(header: string | string[] | undefined): Preferences {
  if (header === undefined) return NO_PREFERENCES;
  const text = String(header);
  let waitMs: number | undefined;
  let isMinimal = false;
  PREFERENCE.lastIndex = 0;
  while (PREFERENCE.lastIndex < text.length) {
    const match = PREFERENCE.exec(text);
    if (match === null) return NO_PREFERENCES;
    const [, name = '', value = ''] = match;
    const unquoted = value.replace(/^"(.*)"$/, '$1');
    switch (name.toLowerCase()) {
      case 'wait':
        if (/^\d{1,9}$/.test(unquoted)) waitMs ??= Number(unquoted) * 1_000;
        break;
      case 'return':
        isMinimal ||= unquoted === 'minimal';
        break;
      default:
    }
  }
  return { waitMs, isMinimal };
}

/** An ETag (RFC 9110 §8.8.3) of a list, with the comma before the next; empty elements are allowed (§5.6.1). */
const TAG = /[ \t,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,[ \t,]*|$)/y;
/** As many as the headers of a request may hold, about. */
const MOST_TAGS = 1_000;
const NO_CONDITIONS: Conditions = {};

/** `If-Match` and `If-None-Match` (RFC 9110 §13.1), with the versions that the ETags in them name. */
export function parseConditions(headers: IncomingHttpHeaders): Conditions {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifMatch === undefined && ifNoneMatch === undefined) return NO_CONDITIONS;
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: parseIfMatch('If-Match', ifMatch) }),
    ...(ifNoneMatch === undefined
      ? {}
      : { ifNoneMatch: parseTags('If-None-Match', ifNoneMatch, true) }),
  };
}

/**
 * The versions that a task must be at; `name` is what an error calls the field. A weak tag matches
 * nothing, as it compares strongly.
 */
export function parseIfMatch(name: string, value: string): '*' | readonly string[] {
  return parseTags(name, value, false);
}

function parseTags(name: string, value: string, acceptsWeak: boolean): '*' | readonly string[] {
  if (value.trim() === '*') return '*';
  const versions: string[] = [];
  // Tag by tag: an expression for the whole list would keep a place of each.
  TAG.lastIndex = 0;
  for (let count = 0; count === 0 || TAG.lastIndex < value.length; count += 1) {
    const match = TAG.exec(value);
    if (match === null || count === MOST_TAGS) throw badTags(name, value);
    const [, weak, version] = match;
    if (weak === undefined || acceptsWeak) versions.push(version!);
  }
  return versions;
}

function badTags(name: string, value: string): Error {
  return invalidParameter(
    `${name} is ${shown(value)}, which is neither * nor a list of at most ${MOST_TAGS} ETags: give an ` +
      `ETag with its double quotes, as in ${name}: "1700000000000-0123456789abcdef.o"`,
  );
}

/** `Idempotency-Key` (IETF draft 07) without its quotes; undefined where the header is not there. */
export function parseIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = String(header).trim();
  const key = /^"(.*)"$/.exec(text)?.[1] ?? text;
  if (key.length < 1 || key.length > 255) {
    throw invalidParameter(
      `the Idempotency-Key ${shown(text)} must have 1 to 255 characters: a random UUID will do`,
    );
  }
  return key;
}
