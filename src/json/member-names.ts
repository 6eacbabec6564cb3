/**
 * The names of members, decoded. Documents have the same few names again and again: those are found
 * by their bytes, which costs a fraction of decoding them.
 */
import { decodeString } from './lexer.js';

interface Known {
  readonly bytes: Uint8Array;
  readonly name: string;
}

const SLOTS = 256;
/** Longer names are decoded each time. */
const LONGEST = 32;
const known: (Known | undefined)[] = new Array(SLOTS).fill(undefined);

/** The text of a name that has been scanned. */
export function decodeName(bytes: Buffer, start: number, end: number): string {
  const length = end - start - 2;
  if (length === 0 || length > LONGEST) return decodeString(bytes, start, end);
  // So that all the names that this package knows have a slot of their own.
  const slot = (bytes[start + 1]! + 2 * bytes[end - 2]! + 24 * length) % SLOTS;
  const found = known[slot];
  if (found !== undefined && found.bytes.length === length) {
    let at = 0;
    while (at < length && found.bytes[at] === bytes[start + 1 + at]) at += 1;
    if (at === length) return found.name;
  }
  const name = decodeString(bytes, start, end);
  known[slot] = { bytes: new Uint8Array(bytes.subarray(start + 1, end - 1)), name };
  return name;
}
