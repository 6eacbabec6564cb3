/**
 * The head of a stored entry: all that is known of a task without moving its outcome, as bytes of a
 * fixed layout. Stores that keep bytes use it, and so does the script inside Redis: changing the
 * layout needs a new format number.
 *
 * | offset | bytes | what |
 * | --- | --- | --- |
 * | 0 | 1 | format, 1 |
 * | 1 | 8 | version: milliseconds, f64 little-endian |
 * | 9 | 16 | version: random part, hexadecimal digits |
 * | 25 | 8 | created at, f64 |
 * | 33 | 8 | outcome expires at, f64; 0 where there is none, infinity for never |
 * | 41 | 8 | progress expires at, f64; likewise |
 * | 49 | 32 | descriptor, only with an outcome: digest, hexadecimal digits |
 * | 81 | 1 | flags: 1 failure, 2 has an error, 4 opaque, 8 has a log |
 * | 82 | 4 | size, u32 little-endian |
 * | 86 | 4 | length of the execution time, u32 |
 * | 90 | … | execution time, then content type, Latin-1 |
 */
import { JSON_TYPE, type OutcomeInfo } from '../outcome.js';
import type { TaskEntry } from '../task-entry.js';

const FORMAT = 1;
export const DESCRIPTOR_AT = 49;

const TIME_AT = DESCRIPTOR_AT + 41;

const IS_ERR = 1;
const HAS_ERROR = 2;
const IS_OPAQUE = 4;
const HAS_LOG = 8;

export function encodeHead(entry: TaskEntry): Buffer {
  const fixed = Buffer.allocUnsafe(DESCRIPTOR_AT);
  fixed[0] = FORMAT;
  fixed.writeDoubleLE(entry.versionMs, 1);
  fixed.write(entry.versionRandom, 9, 'latin1');
  fixed.writeDoubleLE(entry.createdAt, 25);
  fixed.writeDoubleLE(entry.outcomeExpiresAt, 33);
  fixed.writeDoubleLE(entry.progressExpiresAt, 41);
  return entry.outcome === undefined
    ? fixed
    : Buffer.concat([fixed, encodeDescriptor(entry.outcome)]);
}

/** The part of the head that tells of the outcome. */
export function encodeDescriptor(info: OutcomeInfo): Buffer {
  const timeLength = info.executionTime.length;
  const bytes = Buffer.allocUnsafe(41 + timeLength + info.contentType.length);
  bytes.write(info.digest, 0, 'latin1');
  bytes[32] =
    (info.isErr ? IS_ERR : 0) |
    (info.hasError ? HAS_ERROR : 0) |
    (info.isOpaque ? IS_OPAQUE : 0) |
    (info.hasLog ? HAS_LOG : 0);
  bytes.writeUInt32LE(info.size, 33);
  bytes.writeUInt32LE(timeLength, 37);
  bytes.write(info.executionTime, 41, 'latin1');
  bytes.write(info.contentType, 41 + timeLength, 'latin1');
  return bytes;
}

/**
 * The entry of a head and of the bytes that were read with it. `head` must not change afterwards:
 * what it tells of the outcome is decoded when asked for. Throws on an unknown format.
 */
export function decodeHead(
  head: Buffer,
  { body, log, progress }: Pick<TaskEntry, 'body' | 'log' | 'progress'>,
): TaskEntry {
  if (head[0] !== FORMAT) {
    throw new Error(`a stored task has format ${head[0]}, and this version reads ${FORMAT} only`);
  }
  return {
    versionMs: head.readDoubleLE(1),
    versionRandom: head.toString('latin1', 9, 25),
    createdAt: head.readDoubleLE(25),
    outcomeExpiresAt: head.readDoubleLE(33),
    progressExpiresAt: head.readDoubleLE(41),
    outcome: head.length > DESCRIPTOR_AT ? new StoredInfo(head) : undefined,
    body,
    log,
    progress,
  };
}

/**
 * What a head tells of the outcome, decoded when it is asked for: a read needs a few of these, and
 * it is on the way of every one.
 */
class StoredInfo implements OutcomeInfo {
  readonly #head: Buffer;
  readonly #flags: number;

  constructor(head: Buffer) {
    this.#head = head;
    this.#flags = head[DESCRIPTOR_AT + 32]!;
  }

  get digest(): string {
    return this.#head.toString('latin1', DESCRIPTOR_AT, DESCRIPTOR_AT + 32);
  }

  get isErr(): boolean {
    return (this.#flags & IS_ERR) !== 0;
  }

  get hasError(): boolean {
    return (this.#flags & HAS_ERROR) !== 0;
  }

  get isOpaque(): boolean {
    return (this.#flags & IS_OPAQUE) !== 0;
  }

  get hasLog(): boolean {
    return (this.#flags & HAS_LOG) !== 0;
  }

  get size(): number {
    return this.#head.readUInt32LE(DESCRIPTOR_AT + 33);
  }

  get executionTime(): string {
    return this.#head.toString('latin1', TIME_AT, this.#timeEnd);
  }

  get contentType(): string {
    return this.isOpaque ? this.#head.toString('latin1', this.#timeEnd) : JSON_TYPE;
  }

  get #timeEnd(): number {
    return TIME_AT + this.#head.readUInt32LE(DESCRIPTOR_AT + 37);
  }
}
