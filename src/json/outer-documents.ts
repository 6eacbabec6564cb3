/**
 * Documents that hold documents, or lists: both levels are found in one pass. Each level stops at its
 * bound while it is read, so that no body makes more of these than a good one would.
 */
import { invalidBody, shown } from '../errors.js';
import {
  checkRoom,
  type Member,
  type Span,
  scanMembers,
  scanValue,
  typeAt,
  walkDocument,
  walkElements,
} from './scanner.js';

/** The keys of what only holds others: a few, all of them known. */
const MAX_MEMBERS = 16;

/** A member whose value is an object, and the members of that. */
export interface DeepMember extends Member {
  /** Undefined where the value is no object. */
  readonly members: readonly Member[] | undefined;
}

/** A member whose value is an array, and where the elements of that stand. */
export interface ListMember extends Member {
  /** Undefined where the value is no array. */
  readonly elements: readonly Span[] | undefined;
}

/**
 * The members of the one object that `bytes` hold, and the members of those. The outer level does
 * not count: its values may be as deep as documents of their own. Throws `invalid-body`.
 */
export function scanWrapper(bytes: Buffer): DeepMember[] {
  const outer: DeepMember[] = [];
  walkDocument(bytes, (name, start, nameStart, nameEnd) => {
    checkRoom(outer, MAX_MEMBERS);
    const type = typeAt(bytes, start);
    const members: Member[] | undefined = type === 'object' ? [] : undefined;
    const end =
      members === undefined ? scanValue(bytes, start, 0) : scanMembers(bytes, start, members, 1);
    outer.push({ name, nameStart, nameEnd, start, end, type, members });
    return end;
  });
  return outer;
}

/**
 * The members of the one object that `bytes` hold, and the elements of those that are arrays, each
 * of which may be as deep as a wrapper. Throws `invalid-body`, also where there are more than `most`
 * elements in all.
 */
export function scanLists(bytes: Buffer, most: number): ListMember[] {
  const outer: ListMember[] = [];
  let count = 0;
  walkDocument(bytes, (name, start, nameStart, nameEnd) => {
    checkRoom(outer, MAX_MEMBERS);
    const type = typeAt(bytes, start);
    const elements: Span[] | undefined = type === 'array' ? [] : undefined;
    const end =
      elements === undefined
        ? scanValue(bytes, start, 0)
        : walkElements(bytes, start, (elementStart) => {
            count += 1;
            if (count > most) throw tooLong(name, most);
            const elementEnd = scanValue(bytes, elementStart, -1);
            elements.push({ start: elementStart, end: elementEnd });
            return elementEnd;
          });
    outer.push({ name, nameStart, nameEnd, start, end, type, elements });
    return end;
  });
  return outer;
}

function tooLong(name: string, most: number): Error {
  return invalidBody(
    `the list ${shown(name)} has more than ${most} elements, which is the limit: send several batches`,
  );
}
