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
 * | 81 | 1 | flags, `0` plus: 1 failure, 2 has an error, 4 opaque, 8 has a log |
 * | 82 | … | size in decimal, a space, execution time, a space, content type, Latin-1 |
 *
 * The descriptor is text, so that a client that sends text alone sends it faster.
 */

import type { TaskEntry } from './entry.js';
import { JSON_TYPE, type OutcomeInfo } from './outcome.js';

const FORMAT = 1;
const DESCRIPTOR_AT = 49;

const FLAGS_AT = DESCRIPTOR_AT + 32;
const SIZE_AT = FLAGS_AT + 1;
/** What flags are added to: a digit, whose low bits are all 0. */
const NO_FLAGS = 0x30;

const IS_ERR = 1;
const HAS_ERROR = 2;
const IS_OPAQUE = 4;
const HAS_LOG = 8;

export function encodeHead(entry: TaskEntry): Buffer {
  const descriptor = entry.outcome === undefined ? '' : encodeDescriptor(entry.outcome);
  const head = Buffer.allocUnsafe(DESCRIPTOR_AT + descriptor.length);
  head[0] = FORMAT;
  head.writeDoubleLE(entry.versionMs, 1);
  head.write(entry.versionRandom, 9, 'latin1');
  head.writeDoubleLE(entry.createdAt, 25);
  head.writeDoubleLE(entry.outcomeExpiresAt, 33);
  head.writeDoubleLE(entry.progressExpiresAt, 41);
  head.write(descriptor, DESCRIPTOR_AT, 'latin1');
  return head;
}

/** The part of the head that tells of the outcome: Latin-1 text, ASCII for a JSON outcome. */
export function encodeDescriptor(info: OutcomeInfo): string {
  const flags =
    NO_FLAGS |
    (info.isErr ? IS_ERR : 0) |
    (info.hasError ? HAS_ERROR : 0) |
    (info.isOpaque ? IS_OPAQUE : 0) |
    (info.hasLog ? HAS_LOG : 0);
  const { digest, size, executionTime, contentType } = info;
  return `${digest}${String.fromCharCode(flags)}${size} ${executionTime} ${contentType}`;
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
  #words: readonly [size: string, executionTime: string, contentType: string] | undefined;

  constructor(head: Buffer) {
    this.#head = head;
    this.#flags = head[FLAGS_AT]!;
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
    return Number(this.#text[0]);
  }

  get executionTime(): string {
    return this.#text[1];
  }

  get contentType(): string {
    return this.isOpaque ? this.#text[2] : JSON_TYPE;
  }

  get #text(): readonly [size: string, executionTime: string, contentType: string] {
    if (this.#words !== undefined) return this.#words;
    const text = this.#head.toString('latin1', SIZE_AT);
    const sizeEnd = text.indexOf(' ');
    const timeEnd = text.indexOf(' ', sizeEnd + 1);
    this.#words = [
      text.slice(0, sizeEnd),
      text.slice(sizeEnd + 1, timeEnd),
      text.slice(timeEnd + 1),
    ];
    return this.#words;
  }
}
