/**
 * What an exception on the wire is completed with, at each level of its causes: a missing
 * `exc_module` becomes null, a missing `exc_message` an empty list, a bare string message a list of
 * one (taskiq's ExceptionRepr). Nothing else changes.
 *
 * So completing is a list of insertions at ascending offsets, found in one pass and spliced in once:
 * a long chain of causes around a large value costs no more than any other body. The keys of all
 * levels are counted, those that are added too, since each of them is looked at.
 */
import { invalidBody, listed } from '../errors.js';
import { skipColon, skipSpace, skipString } from '../json/lexer.js';
import { decodeName } from '../json/member-names.js';
import { endOfValue, type Member, typeAt } from '../json/scanner.js';

/** The keys that an exception may have together with its causes and contexts. */
export const MAX_EXCEPTION_KEYS = 10_000;

const OPEN = Buffer.from('{');
const COMMA = Buffer.from(',');
const COLON = Buffer.from(':');
const COMMA_BYTE = 0x2c;
const CLOSE_BYTE = 0x7d;

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** What one level of an exception was seen to hold. */
interface Level {
  readonly where: string;
  readonly names: Set<string>;
}

/** The exception that stands in `error`, completed. Throws `invalid-body`. */
export function completeException(document: Buffer, error: Member): Buffer {
  const walk = new ExceptionWalk(document);
  walk.enter(error.start, '"error"');
  return Buffer.concat(walk.splice(error.start, error.end));
}

/** The members of a flat exception document as one object, completed. Throws `invalid-body`. */
export function completeFlatException(document: Buffer, members: readonly Member[]): Buffer {
  const walk = new ExceptionWalk(document);
  const level: Level = { where: 'the exception', names: new Set() };
  const parts: Buffer[] = [];
  for (const { name, nameStart, nameEnd, start, end } of members) {
    if (walk.holdsException(level, name, start)) walk.enter(start, `"${name}"`);
    parts.push(parts.length === 0 ? OPEN : COMMA);
    parts.push(document.subarray(nameStart, nameEnd), COLON);
    for (const part of walk.splice(start, end)) parts.push(part);
  }
  return Buffer.concat([...parts, Buffer.from(`${walk.missingMembers(level)}}`)]);
}

/** A pass over a document that has been scanned. */
class ExceptionWalk {
  readonly #document: Buffer;
  #insertions: Insertion[] = [];
  #keys = 0;

  constructor(document: Buffer) {
    this.#document = document;
  }

  /** Walks over the exception that starts here and all that are in it, without a call for each level. */
  enter(start: number, where: string): void {
    const document = this.#document;
    const levels: Level[] = [{ where, names: new Set() }];
    let at = skipSpace(document, start + 1);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      if (document[at] === CLOSE_BYTE) {
        const missing = this.missingMembers(level);
        if (missing !== '') this.#insertions.push({ at, text: missing });
        levels.pop();
        at = skipSpace(document, at + 1);
      } else {
        const nameEnd = skipString(document, at);
        const name = decodeName(document, at, nameEnd);
        const valueStart = skipSpace(document, skipColon(document, nameEnd));
        if (this.holdsException(level, name, valueStart)) {
          levels.push({ where: `"${name}"`, names: new Set() });
          at = skipSpace(document, valueStart + 1);
          continue;
        }
        at = skipSpace(document, endOfValue(document, valueStart));
      }
      if (document[at] === COMMA_BYTE) at = skipSpace(document, at + 1);
    }
  }

  /** Looks at one member of a level; true where its value is an exception, which is to be entered. */
  holdsException(level: Level, name: string, valueStart: number): boolean {
    this.#count(1);
    level.names.add(name);
    const type = typeAt(this.#document, valueStart);
    if (name === 'exc_type' && type !== 'string') {
      throw wrongType(name, level.where, type, 'a string');
    }
    if (name === 'exc_message' && type === 'string') {
      const end = skipString(this.#document, valueStart);
      this.#insertions.push({ at: valueStart, text: '[' }, { at: end, text: ']' });
    }
    if ((name !== 'exc_cause' && name !== 'exc_context') || type === 'null') return false;
    if (type !== 'object') throw wrongType(name, level.where, type, 'an exception or null');
    return true;
  }

  /** What is to be added at the end of a level. */
  missingMembers({ where, names }: Level): string {
    if (!names.has('exc_type')) {
      const found = names.size === 0 ? 'no key at all' : listed([...names]);
      throw invalidBody(`${where} has no "exc_type" (found: ${found}): name the exception's type`);
    }
    const message = names.has('exc_message') ? '' : ',"exc_message":[]';
    const both = names.has('exc_module') ? message : `${message},"exc_module":null`;
    this.#count(2 - Number(names.has('exc_message')) - Number(names.has('exc_module')));
    return both;
  }

  /** A value with what was to be inserted since the last splice. */
  splice(start: number, end: number): Buffer[] {
    const parts: Buffer[] = [];
    let from = start;
    for (const { at, text } of this.#insertions) {
      parts.push(this.#document.subarray(from, at), Buffer.from(text));
      from = at;
    }
    parts.push(this.#document.subarray(from, end));
    this.#insertions = [];
    return parts;
  }

  #count(keys: number): void {
    this.#keys += keys;
    if (this.#keys <= MAX_EXCEPTION_KEYS) return;
    throw invalidBody(
      `the exception has more than ${MAX_EXCEPTION_KEYS} keys, its causes and contexts included: ` +
        'cut the chain, or put the keys into one value',
    );
  }
}

function wrongType(name: string, where: string, type: string, needed: string): Error {
  return invalidBody(`"${name}" in ${where} is of type ${type}: it must be ${needed}`);
}
