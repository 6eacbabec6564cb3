/**
 * A strict JSON scanner over bytes (RFC 8259). It checks a document and tells where its parts
 * stand; it builds no value. That is how `1.0`, `1e400` or a duplicate key can be handed on
 * byte for byte: nothing here ever re-writes what it reads.
 *
 * One linear pass, no recursion: depth is bounded, so a body of brackets costs what any other does.
 */
import { isUtf8 } from 'node:buffer';
import { invalidBody, shown } from '../errors.js';

/** Documents nested deeper than this are refused. */
export const MAX_DEPTH = 1_000;
/** How much deeper than its document an envelope may be. */
const ADDED_DEPTH = 2;

export type JsonType = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** One member of an object: its decoded name, and where its name and value stand. */
export interface Member {
  readonly name: string;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly start: number;
  readonly end: number;
  readonly type: JsonType;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const LITERALS = { t: Buffer.from('true'), f: Buffer.from('false'), n: Buffer.from('null') };

/**
 * The members of the one object that `bytes` hold, in order, duplicates included.
 * Throws `invalid-body` where they hold anything else.
 */
export function scanDocument(bytes: Buffer): Member[] {
  const start = checkText(bytes);
  if (bytes[start] !== OPEN_OBJECT) {
    scanValue(bytes, start, 0);
    throw invalidBody(`the body is a JSON ${typeAt(bytes, start)}, but an object is needed`);
  }
  const members: Member[] = [];
  const end = skipSpace(bytes, scanMembers(bytes, start, members, 1));
  if (end < bytes.length) throw syntaxError(bytes, end, 'the end of the body');
  return members;
}

/** Checks that `bytes` hold exactly one JSON value; its span, without the white space around it. */
export function scanWhole(bytes: Buffer): { start: number; end: number; type: JsonType } {
  const start = checkText(bytes);
  const end = scanValue(bytes, start, 0);
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) throw syntaxError(bytes, rest, 'the end of the body');
  return { start, end, type: typeAt(bytes, start) };
}

/**
 * The members of a stored envelope. It may be a little deeper than what a client may send, since a
 * flat exception was put into it, and a string message into a list.
 */
export function membersOfStored(envelope: Buffer): Member[] {
  const members: Member[] = [];
  scanMembers(envelope, 0, members, 1 - ADDED_DEPTH);
  return members;
}

/**
 * Walks over the members of an object; the offset after it. `visit` is told each name and where
 * its value starts, and returns where that ends (`scanValue` where it has no interest in it).
 */
export function walkMembers(
  bytes: Buffer,
  start: number,
  visit: (name: string, valueStart: number, nameStart: number, nameEnd: number) => number,
): number {
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === CLOSE_OBJECT) return at + 1;
  for (;;) {
    const nameStart = at;
    const nameEnd = skipString(bytes, at);
    const valueStart = skipSpace(bytes, skipColon(bytes, nameEnd));
    const end = visit(decodeName(bytes, nameStart, nameEnd), valueStart, nameStart, nameEnd);
    at = skipSpace(bytes, end);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    if (bytes[at] !== COMMA) throw syntaxError(bytes, at, '"," or "}"');
    at = skipSpace(bytes, at + 1);
  }
}

/** The kind of the value that starts here. The document must have been scanned. */
export function typeAt(bytes: Buffer, start: number): JsonType {
  switch (bytes[start]) {
    case OPEN_OBJECT:
      return 'object';
    case OPEN_ARRAY:
      return 'array';
    case QUOTE:
      return 'string';
    case 0x74:
    case 0x66:
      return 'boolean';
    case 0x6e:
      return 'null';
    default:
      return 'number';
  }
}

function checkText(bytes: Buffer): number {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw invalidBody(
      'the body starts with a byte order mark: send JSON without one (RFC 8259 §8.1)',
    );
  }
  if (!isUtf8(bytes)) throw invalidBody('the body is not valid UTF-8: send JSON as UTF-8');
  const start = skipSpace(bytes, 0);
  if (start === bytes.length) throw invalidBody('the body is empty: send a JSON document');
  return start;
}

function scanMembers(bytes: Buffer, start: number, members: Member[], depth: number): number {
  return walkMembers(bytes, start, (name, valueStart, nameStart, nameEnd) => {
    const end = scanValue(bytes, valueStart, depth);
    members.push({
      name,
      nameStart,
      nameEnd,
      start: valueStart,
      end,
      type: typeAt(bytes, valueStart),
    });
    return end;
  });
}

function decodeName(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/** What closes each of the open objects and arrays: the stack of the one scan that runs. */
const closers = new Uint8Array(MAX_DEPTH + ADDED_DEPTH);

/** Checks one value of any depth; the offset after it. `depth` is how deep it stands already. */
export function scanValue(bytes: Buffer, start: number, depth: number): number {
  let open = 0;
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth + open >= MAX_DEPTH) {
        throw invalidBody(`the body is nested deeper than ${MAX_DEPTH} levels`);
      }
      const closer = byte + 2; // in ASCII, both closers stand two after their openers
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closer) {
        closers[open] = closer;
        open += 1;
        if (closer === CLOSE_OBJECT) at = skipName(bytes, at);
        continue;
      }
      at += 1;
    } else if (byte === QUOTE) {
      at = skipString(bytes, at);
    } else {
      at = skipScalar(bytes, at);
    }
    // A value has ended: close what ends with it, or go to the next one.
    for (;;) {
      if (open === 0) return at;
      const closer = closers[open - 1]!;
      at = skipSpace(bytes, at);
      const next = bytes[at];
      if (next === COMMA) {
        at = skipSpace(bytes, at + 1);
        if (closer === CLOSE_OBJECT) at = skipName(bytes, at);
        break;
      }
      if (next !== closer) {
        throw syntaxError(bytes, at, closer === CLOSE_OBJECT ? '"," or "}"' : '"," or "]"');
      }
      open -= 1;
      at += 1;
    }
  }
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at]!;
    if (byte > 0x20) return at;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

function skipColon(bytes: Buffer, start: number): number {
  const at = skipSpace(bytes, start);
  if (bytes[at] !== COLON) throw syntaxError(bytes, at, '":"');
  return at + 1;
}

function skipName(bytes: Buffer, start: number): number {
  return skipSpace(bytes, skipColon(bytes, skipString(bytes, start)));
}

function skipString(bytes: Buffer, start: number): number {
  if (bytes[start] !== QUOTE) throw syntaxError(bytes, start, 'a string');
  let at = start + 1;
  for (;;) {
    // Most bytes pass by the first two comparisons; beyond the end, all of them are false.
    const byte = bytes[at]!;
    if (byte > QUOTE) {
      if (byte !== BACKSLASH) at += 1;
      else at = skipEscape(bytes, at);
    } else if (byte === QUOTE) {
      return at + 1;
    } else if (byte >= 0x20) {
      at += 1;
    } else if (at < bytes.length) {
      throw syntaxError(bytes, at, 'an escape, not a bare control character');
    } else {
      throw syntaxError(bytes, at, 'the end of a string');
    }
  }
}

function skipEscape(bytes: Buffer, start: number): number {
  switch (bytes[start + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return start + 2;
    case 0x75: {
      for (let at = start + 2; at < start + 6; at += 1) {
        if (!isHex(bytes[at])) throw syntaxError(bytes, at, 'four hexadecimal digits after \\u');
      }
      return start + 6;
    }
    default:
      throw syntaxError(bytes, start + 1, 'one of "\\/bfnrtu after a backslash');
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function skipScalar(bytes: Buffer, start: number): number {
  const byte = bytes[start];
  if (byte === MINUS || isDigit(byte)) return skipNumber(bytes, start);
  const literal =
    byte === 0x74
      ? LITERALS.t
      : byte === 0x66
        ? LITERALS.f
        : byte === 0x6e
          ? LITERALS.n
          : undefined;
  if (literal === undefined) throw syntaxError(bytes, start, 'a JSON value');
  for (let i = 1; i < literal.length; i += 1) {
    if (bytes[start + i] !== literal[i]) throw syntaxError(bytes, start, 'a JSON value');
  }
  return start + literal.length;
}

function skipNumber(bytes: Buffer, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1); // .
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    at = skipDigits(bytes, sign === 0x2b || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

function skipDigits(bytes: Buffer, start: number): number {
  if (!isDigit(bytes[start])) throw syntaxError(bytes, start, 'a digit');
  let at = start + 1;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

function syntaxError(bytes: Buffer, at: number, expected: string): Error {
  const found =
    at >= bytes.length ? 'it ends there' : `found ${shown(bytes.toString('utf8', at, at + 20))}`;
  return invalidBody(`the body is not valid JSON: at byte ${at}, expected ${expected}, ${found}`);
}
