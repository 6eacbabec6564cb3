/** `If-Match` and `If-None-Match` (RFC 9110 §13.1), and the ETags in them (§8.8.3). */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidParameter, shown } from '../errors.js';
import type { Conditions } from '../result-backend/commands.js';

const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;
/** Tags between commas; empty elements are allowed (§5.6.1). */
const LIST = /^[ \t,]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?:,[ \t,]*|$))+$/;
const NONE: Conditions = {};

/** The conditions of a write. A weak tag in `If-Match` matches nothing, as it compares strongly. */
export function parseConditions(headers: IncomingHttpHeaders): Conditions {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifMatch === undefined && ifNoneMatch === undefined) return NONE;
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: parseIfMatch('If-Match', ifMatch) }),
    ...(ifNoneMatch === undefined
      ? {}
      : { ifNoneMatch: parseTags('If-None-Match', ifNoneMatch, true) }),
  };
}

/** The versions that a task must be at; `name` is what an error calls the field. */
export function parseIfMatch(name: string, value: string): '*' | readonly string[] {
  return parseTags(name, value, false);
}

/** The versions that a reader knows; undefined where it names none. */
export function parseIfNoneMatch(header: string | undefined): '*' | readonly string[] | undefined {
  return header === undefined ? undefined : parseTags('If-None-Match', header, true);
}

function parseTags(name: string, value: string, acceptsWeak: boolean): '*' | readonly string[] {
  if (value.trim() === '*') return '*';
  if (!LIST.test(value)) {
    throw invalidParameter(
      `${name} is ${shown(value)}, which is neither * nor a list of ETags: give an ETag with its ` +
        `double quotes, as in ${name}: "1700000000000-0123456789abcdef.o"`,
    );
  }
  const versions: string[] = [];
  for (const [, weak, version] of value.matchAll(TAG)) {
    if (weak === undefined || acceptsWeak) versions.push(version!);
  }
  return versions;
}
