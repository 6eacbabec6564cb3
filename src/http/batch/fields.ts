/**
 * The fields of a request's JSON object: each of them known, and there once. Values stay where they
 * are in the document, as bytes.
 */
import { invalidBody, listed, shown } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import type { Member } from '../../json/scanner.js';

/** The members by name. Throws `invalid-body` for a key that is not one of `names`, or twice. */
export function fieldsOf<const Name extends string, M extends Member>(
  members: readonly M[],
  names: readonly Name[],
  what: string,
): { readonly [Key in Name]?: M } {
  const fields: { [Key in Name]?: M } = {};
  for (const member of members) {
    const name = member.name as Name;
    if (!names.includes(name)) {
      throw invalidBody(`${shown(name)} is not a key of ${what}: its keys are ${listed(names)}`);
    }
    if (fields[name] !== undefined) throw invalidBody(`"${name}" is there twice: send it once`);
    fields[name] = member;
  }
  return fields;
}

/** A string member's text; undefined where it was left out. Throws `invalid-body`. */
export function stringOf(document: Buffer, member: Member | undefined): string | undefined {
  if (member === undefined) return undefined;
  if (member.type !== 'string') throw wrongType(member, 'a string');
  return decodeString(document, member.start, member.end);
}

/** A boolean member's value; false where it was left out. Throws `invalid-body`. */
export function booleanOf(document: Buffer, member: Member | undefined): boolean {
  if (member === undefined) return false;
  if (member.type !== 'boolean') throw wrongType(member, 'true or false');
  return document[member.start] === 0x74;
}

/** One of some words; the first of them where it was left out. Throws `invalid-body`. */
export function wordOf<const Word extends string>(
  document: Buffer,
  member: Member | undefined,
  words: readonly [Word, ...Word[]],
): Word {
  const text = stringOf(document, member);
  if (text === undefined) return words[0];
  if ((words as readonly string[]).includes(text)) return text as Word;
  throw invalidBody(`"${member!.name}" is ${shown(text)}: it must be one of ${listed(words)}`);
}

export function wrongType({ name, type }: Member, needed: string): Error {
  return invalidBody(`"${name}" is of type ${type}: it must be ${needed}`);
}
