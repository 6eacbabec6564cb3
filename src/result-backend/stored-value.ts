/**
 * All that is stored of a task as one value, for stores that keep one for each key.
 *
 * A value is: format (1 byte, 1), then the entry's record, the list of remembered consumes, and the
 * record of each consume that can be replayed, in the list's order; before each of them stands its
 * length (u32 little-endian, 0 where there is none). `task-record.ts` has their layout.
 */
import type { TaskEntry } from '../record/entry.js';
import type { Stored } from './decide.js';
import {
  decodeConsumed,
  decodeRecord,
  encodeConsumed,
  encodeRecord,
  headBytes,
} from './task-record.js';

const FORMAT = 1;
const RECORD_AT = 5;
const NO_BYTES = Buffer.alloc(0);

/** The value with what the entry has of its body and log. */
export function encodeStored({ entry, consumed }: Stored): Buffer {
  const parts = [
    entry === undefined ? NO_BYTES : encodeRecord(entry, true, true),
    encodeConsumed(consumed),
  ];
  for (const past of consumed) {
    if (past.entry !== undefined) parts.push(encodeRecord(past.entry, true, true));
  }
  const value = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + 4 + part.length, 1));
  let at = value.writeUInt8(FORMAT, 0);
  for (const part of parts) {
    at = value.writeUInt32LE(part.length, at);
    at += part.copy(value, at);
  }
  return value;
}

/** It shares the value's bytes, which must not change afterwards. Throws on an unknown format. */
export function decodeStored(value: Buffer): Stored {
  if (value[0] !== FORMAT) {
    throw new Error(`a stored value has format ${value[0]}, and this version reads ${FORMAT} only`);
  }
  let at = 1;
  const next = (): Buffer => {
    const start = at + 4;
    at = start + value.readUInt32LE(at);
    return value.subarray(start, at);
  };
  const record = next();
  const entry = record.length === 0 ? undefined : decodeRecord(record, true);
  const list = next();
  return { entry, consumed: decodeConsumed(list, () => decodeRecord(next(), true)) };
}

/** How many of a value's first bytes tell all of its entry but log and body. */
export function headLength(value: Buffer): number {
  const length = value.readUInt32LE(1);
  return length === 0 ? RECORD_AT : RECORD_AT + headBytes(value.subarray(RECORD_AT));
}

/** The entry without log and body, out of so many bytes of its value. */
export function decodeHeadOnly(start: Buffer): TaskEntry | undefined {
  if (start.length === RECORD_AT) return undefined;
  return { ...decodeRecord(start.subarray(RECORD_AT), false), log: undefined };
}
