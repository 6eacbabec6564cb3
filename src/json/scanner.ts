/**
 * A strict JSON scanner over bytes (RFC 8259). It checks a document and tells where its parts
 * stand; it builds no value. That is how `1.0`, `1e400` or a duplicate key can be handed on
 * byte for byte: nothing here ever re-writes what it reads.
 *
 * One linear pass, no recursion: depth is bounded, so a body of brackets costs what any other does.
 */
import { isUtf8 } from 'node:buffer';
import { invalidBody } from '../errors.js';
import { skipColon, skipName, skipScalar, skipSpace, skipString, syntaxError } from './lexer.js';
import { decodeName } from './member-names.js';

/** Documents nested deeper than this are refused. */
export const MAX_DEPTH = 1_000;
/**
 * The keys that a document may have at its top level: each one costs memory and time of its own,
 * which those inside a value do not.
 */
export const MAX_MEMBERS = 1_000;
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
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Where a value stands. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The members of the one object that `bytes` hold, in order, duplicates included.
 * Throws `invalid-body` where they hold anything else.
 */
export function scanDocument(bytes: Buffer): Member[] {
  const members: Member[] = [];
  checkEnd(bytes, scanMembers(bytes, startOfObject(bytes), members, 1));
  return members;
}

/** Walks over the members of the one object that `bytes` hold, likewise: see `walkMembers`. */
export function walkDocument(bytes: Buffer, visit: Visit): void {
  checkEnd(bytes, walkMembers(bytes, startOfObject(bytes), visit));
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
 * Is told the name of a member and where its value starts, and returns where that ends (`scanValue`
 * where it has no interest in it).
 */
export type Visit = (
  name: string,
  valueStart: number,
  nameStart: number,
  nameEnd: number,
) => number;

/** Walks over the members of an object; the offset after it. */
export function walkMembers(bytes: Buffer, start: number, visit: Visit): number {
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

/**
 * Walks over the elements of an array; the offset after it. `visit` is told where each of them
 * starts, and returns where it ends.
 */
export function walkElements(
  bytes: Buffer,
  start: number,
  visit: (elementStart: number) => number,
): number {
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === CLOSE_ARRAY) return at + 1;
  for (;;) {
    at = skipSpace(bytes, visit(at));
    if (bytes[at] === CLOSE_ARRAY) return at + 1;
    if (bytes[at] !== COMMA) throw syntaxError(bytes, at, '"," or "]"');
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

/**
 * Where the one JSON value of any type stands that `bytes` hold, which is to stand in an envelope.
 * Throws `invalid-body` where they hold anything else.
 */
export function scanLoneValue(bytes: Buffer): Span {
  const start = checkText(bytes);
  const end = scanValue(bytes, start, 1);
  checkEnd(bytes, end);
  return { start, end };
}

function startOfObject(bytes: Buffer): number {
  const start = checkText(bytes);
  if (bytes[start] === OPEN_OBJECT) return start;
  scanValue(bytes, start, 0);
  throw invalidBody(`the body is a JSON ${typeAt(bytes, start)}, but an object is needed`);
}

function checkEnd(bytes: Buffer, valueEnd: number): void {
  const end = skipSpace(bytes, valueEnd);
  if (end < bytes.length) throw syntaxError(bytes, end, 'the end of the body');
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

/** Adds the members of an object that stands at that depth; the offset after it. */
export function scanMembers(
  bytes: Buffer,
  start: number,
  members: Member[],
  depth: number,
): number {
  return walkMembers(bytes, start, (name, valueStart, nameStart, nameEnd) => {
    checkRoom(members, MAX_MEMBERS);
    const end = scanValue(bytes, valueStart, depth);
    const type = typeAt(bytes, valueStart);
    members.push({ name, nameStart, nameEnd, start: valueStart, end, type });
    return end;
  });
}

/** What collects members stops here: to compare afterwards would be too late. */
export function checkRoom(members: readonly Member[], most: number): void {
  if (members.length < most) return;
  throw invalidBody(
    `the body has an object with more than ${most} keys at a level that is looked at: put them into one value`,
  );
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
        throw invalidBody(
          `the body is nested deeper than ${MAX_DEPTH} levels: put what is deeper into a string`,
        );
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

/** Where a value ends that has been scanned before: it checks nothing, and is the faster for that. */
export function endOfValue(bytes: Buffer, start: number): number {
  let open = 0;
  let at = start;
  do {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) open += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) open -= 1;
    else if (open === 0) return skipScalar(bytes, at);
    at += 1;
  } while (open > 0);
  return at;
}
