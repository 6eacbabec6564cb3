/**
 * What an exception on the wire is completed with, at each level of its causes: a missing
 * `exc_module` becomes null, a missing `exc_message` an empty list, a bare string message a list of
 * one (taskiq's ExceptionRepr). Nothing else changes.
 *
 * So completing is a list of insertions at ascending offsets, found in one pass and spliced in once:
 * a long chain of causes around a large value costs no more than any other body.
 */
import { invalidBody, listed } from '../errors.js';
import { type Member, scanValue, typeAt, walkMembers } from '../json/scanner.js';

const OPEN = Buffer.from('{');
const COMMA = Buffer.from(',');
const COLON = Buffer.from(':');

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** What one level of an exception was seen to hold. */
interface Level {
  readonly where: string;
  readonly names: string[];
  hasType: boolean;
}

/** The exception that stands in `error`, completed. Throws `invalid-body`. */
export function completeException(document: Buffer, error: Member): Buffer {
  const insertions: Insertion[] = [];
  walkException(document, error.start, '"error"', insertions);
  return Buffer.concat(splice(document, error.start, error.end, insertions));
}

/** The members of a flat exception document as one object, completed. Throws `invalid-body`. */
export function completeFlatException(document: Buffer, members: readonly Member[]): Buffer {
  const level: Level = { where: 'the exception', names: [], hasType: false };
  const parts: Buffer[] = [];
  for (const member of members) {
    const insertions: Insertion[] = [];
    visitMember(document, level, member.name, member.start, insertions);
    parts.push(parts.length === 0 ? OPEN : COMMA);
    parts.push(document.subarray(member.nameStart, member.nameEnd), COLON);
    for (const part of splice(document, member.start, member.end, insertions)) parts.push(part);
  }
  return Buffer.concat([...parts, Buffer.from(`${missingMembers(level)}}`)]);
}

function walkException(
  document: Buffer,
  start: number,
  where: string,
  insertions: Insertion[],
): number {
  const level: Level = { where, names: [], hasType: false };
  const end = walkMembers(document, start, (name, valueStart) =>
    visitMember(document, level, name, valueStart, insertions),
  );
  const missing = missingMembers(level);
  if (missing !== '') insertions.push({ at: end - 1, text: missing });
  return end;
}

function visitMember(
  document: Buffer,
  level: Level,
  name: string,
  valueStart: number,
  insertions: Insertion[],
): number {
  const type = typeAt(document, valueStart);
  level.names.push(name);
  if (name === 'exc_type') {
    level.hasType = true;
    if (type !== 'string') throw wrongType(name, level.where, type, 'a string');
  }
  if ((name === 'exc_cause' || name === 'exc_context') && type !== 'null') {
    if (type !== 'object') throw wrongType(name, level.where, type, 'an exception or null');
    return walkException(document, valueStart, `"${name}"`, insertions);
  }
  const end = scanValue(document, valueStart, 0);
  if (name === 'exc_message' && type === 'string') {
    insertions.push({ at: valueStart, text: '[' }, { at: end, text: ']' });
  }
  return end;
}

function missingMembers({ where, names, hasType }: Level): string {
  if (!hasType) {
    const found = names.length === 0 ? 'no key at all' : listed(names);
    throw invalidBody(`${where} has no "exc_type" (found: ${found}): name the exception's type`);
  }
  const message = names.includes('exc_message') ? '' : ',"exc_message":[]';
  return names.includes('exc_module') ? message : `${message},"exc_module":null`;
}

function splice(
  document: Buffer,
  start: number,
  end: number,
  insertions: readonly Insertion[],
): Buffer[] {
  const parts: Buffer[] = [];
  let from = start;
  for (const { at, text } of insertions) {
    parts.push(document.subarray(from, at), Buffer.from(text));
    from = at;
  }
  parts.push(document.subarray(from, end));
  return parts;
}

function wrongType(name: string, where: string, type: string, needed: string): Error {
  return invalidBody(`"${name}" in ${where} is of type ${type}: it must be ${needed}`);
}
