/** Times to live, as a parameter or in a body. */

import { invalidBody, invalidParameter, shown } from '../errors.js';
import { decodeString } from '../json/lexer.js';
import { type Member, scanDocument } from '../json/scanner.js';
import { parseTtl } from '../units.js';

/** The milliseconds of `?ttl=`, `NEVER`, or undefined where it was left out. */
export function ttlOfQuery(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ttlMs = parseTtl(text);
  if (ttlMs !== undefined) return ttlMs;
  throw invalidParameter(
    `the parameter "ttl" is ${shown(text)}: give a duration above 0 such as 7d, or never`,
  );
}

/** The milliseconds of `{"ttl":"7d"}`, `{"ttl":3600}` or `{"ttl":"never"}`. */
export function ttlFromJson(document: Buffer): number {
  let ttlMs: number | undefined;
  for (const member of scanDocument(document)) {
    if (member.name !== 'ttl') {
      throw invalidBody(`${shown(member.name)} is not a key of an expiry: give "ttl"`);
    }
    if (ttlMs !== undefined) throw invalidBody('"ttl" is there twice: send it once');
    ttlMs = ttlOf(document, member);
  }
  if (ttlMs === undefined) throw invalidBody('the expiry has no "ttl": send {"ttl":"7d"}');
  return ttlMs;
}

/** The milliseconds of a time to live in JSON, or `NEVER`. */
export function ttlOf(document: Buffer, { start, end, type }: Member): number {
  const text =
    type === 'string' ? decodeString(document, start, end) : document.toString('utf8', start, end);
  const ttlMs = type === 'string' || type === 'number' ? parseTtl(text) : undefined;
  if (ttlMs !== undefined) return ttlMs;
  throw invalidBody(
    `"ttl" is ${shown(text)}: give a duration above 0 such as "7d", a number of seconds, or "never"`,
  );
}
