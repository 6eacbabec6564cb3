/**
 * One stored task as bytes, and one list of remembered consumes.
 *
 * A record is: flags (1 byte: 1 has progress, 2 has the body, 4 has the log), the lengths of head,
 * progress and log (three u32 little-endian), then head, progress, log and body. Log and body may be
 * left out, where a store keeps them apart.
 *
 * A list is, for each consume: expiry (f64 little-endian), digest (32 Latin-1 bytes), the length of
 * the idempotency key (u16, bytes; 0 for none), the key (UTF-16, which keeps every string exact).
 */

import type { TaskEntry } from '../record/entry.js';
import { decodeHead, encodeHead } from '../record/head.js';
import type { Consumed } from './decide.js';

const PREFIX = 13;
const HAS_PROGRESS = 1;
const HAS_BODY = 2;
const HAS_LOG = 4;
const NO_BYTES = Buffer.alloc(0);
const CONSUMED_FIXED = 42;
const DIGEST_LENGTH = 32;

export function encodeRecord(entry: TaskEntry, withBody: boolean, withLog: boolean): Buffer {
  const head = encodeHead(entry);
  const progress = entry.progress ?? NO_BYTES;
  const log = (withLog ? entry.log : undefined) ?? NO_BYTES;
  const body = (withBody ? entry.body : undefined) ?? NO_BYTES;
  const bytes = Buffer.allocUnsafe(
    PREFIX + head.length + progress.length + log.length + body.length,
  );
  bytes[0] =
    (entry.progress === undefined ? 0 : HAS_PROGRESS) |
    (withBody && entry.body !== undefined ? HAS_BODY : 0) |
    (withLog && entry.log !== undefined ? HAS_LOG : 0);
  bytes.writeUInt32LE(head.length, 1);
  bytes.writeUInt32LE(progress.length, 5);
  bytes.writeUInt32LE(log.length, 9);
  let at = PREFIX;
  for (const part of [head, progress, log, body]) {
    part.copy(bytes, at);
    at += part.length;
  }
  return bytes;
}

/** The bytes of a record that are needed: all `length` of them, or those before the body. */
export function recordBytes(record: Buffer, length: number, withBody: boolean): Buffer {
  const hasBody = withBody && (record[0]! & HAS_BODY) !== 0;
  return record.subarray(0, hasBody ? length : bodyStart(record));
}

/** The entry of a record. It shares the record's bytes, which must not change afterwards. */
export function decodeRecord(record: Buffer, withBody: boolean): TaskEntry {
  const flags = record[0]!;
  const progressAt = PREFIX + record.readUInt32LE(1);
  const logAt = progressAt + record.readUInt32LE(5);
  const bodyAt = bodyStart(record);
  return decodeHead(record.subarray(PREFIX, progressAt), {
    progress: (flags & HAS_PROGRESS) === 0 ? undefined : record.subarray(progressAt, logAt),
    log: (flags & HAS_LOG) === 0 ? undefined : record.subarray(logAt, bodyAt),
    body: withBody && (flags & HAS_BODY) !== 0 ? record.subarray(bodyAt) : undefined,
  });
}

/** How many of a record's first bytes hold head and progress. */
export function headBytes(record: Buffer): number {
  return PREFIX + record.readUInt32LE(1) + record.readUInt32LE(5);
}

function bodyStart(record: Buffer): number {
  return PREFIX + record.readUInt32LE(1) + record.readUInt32LE(5) + record.readUInt32LE(9);
}

/** The list without what was consumed, which stands in records of its own. */
export function encodeConsumed(list: readonly Consumed[]): Buffer {
  return Buffer.concat(
    list.map(({ digest, expiresAt, idempotencyKey = '' }) => {
      const bytes = Buffer.allocUnsafe(CONSUMED_FIXED + 2 * idempotencyKey.length);
      bytes.writeDoubleLE(expiresAt, 0);
      bytes.write(digest, 8, 'latin1');
      bytes.writeUInt16LE(2 * idempotencyKey.length, 8 + DIGEST_LENGTH);
      bytes.write(idempotencyKey, CONSUMED_FIXED, 'utf16le');
      return bytes;
    }),
  );
}

export function decodeConsumed(
  bytes: Buffer,
  entryOf: (idempotencyKey: string) => TaskEntry | undefined,
): Consumed[] {
  const list: Consumed[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + CONSUMED_FIXED + bytes.readUInt16LE(at + 8 + DIGEST_LENGTH);
    const idempotencyKey = bytes.toString('utf16le', at + CONSUMED_FIXED, end) || undefined;
    list.push({
      expiresAt: bytes.readDoubleLE(at),
      digest: bytes.toString('latin1', at + 8, at + 8 + DIGEST_LENGTH),
      idempotencyKey,
      entry: idempotencyKey === undefined ? undefined : entryOf(idempotencyKey),
    });
    at = end;
  }
  return list;
}
