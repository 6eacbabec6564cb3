/**
 * Values that are too large for one message: pieces at subjects of their own, and in the value's
 * place a manifest that names them, with as much of the value as tells all but the outcome.
 *
 * Pieces are written once, before the manifest, under a name that no other writer uses, and removed
 * after the manifest is gone; so whoever reads a manifest finds its pieces, or a newer message in the
 * manifest's place. What a writer that ended in between has left is the sweep's.
 *
 * A manifest is: format (1 byte, 2), the set's name (16 Latin-1 bytes), how many pieces (u16
 * little-endian), then the value's first bytes.
 */
import { randomVersion } from '../../record/version.js';
import { headLength } from '../../result-backend/stored-value.js';
import type { Messages } from './messages.js';
import type { NatsConnection } from './nats-connection.js';
import type { Subjects } from './subjects.js';

const FORMAT = 2;
const NAME_LENGTH = 16;
const PREFIX_AT = 1 + NAME_LENGTH + 2;
/** Below this a value is one message, whatever the server would take: reading its head moves it all. */
const LARGEST_MESSAGE = 128 * 1_024;
const LARGEST_PIECE = 512 * 1_024;
/** How many pieces of one value are on their way at once. */
const AT_ONCE = 8;
/** A manifest that comes so long after its pieces might meet a sweep: see `sweep.ts`. */
const LONGEST_WRITE_MS = 20_000;

export interface Manifest {
  /** Of the set. */
  readonly name: string;
  readonly count: number;
  /** The value's first bytes, or none. */
  readonly prefix: Buffer;
}

interface WrittenSet {
  readonly set: string;
  /** What to write in the value's place, while that `isFresh`. */
  readonly manifest: Buffer;
  readonly isFresh: () => boolean;
}

export class Pieces {
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #messages: Messages;

  constructor(connection: NatsConnection, subjects: Subjects, messages: Messages) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#messages = messages;
  }

  /** Whether the value does not go into one message. */
  isLarge(value: Buffer): boolean {
    return value.length > this.#largestMessage;
  }

  /** Writes the pieces of a value. */
  async write(task: string, value: Buffer): Promise<WrittenSet> {
    const began = performance.now();
    const name = randomVersion();
    const set = this.#subjects.set(task, name);
    const size = Math.min(LARGEST_PIECE, this.#largest);
    const pieces: Buffer[] = [];
    for (let at = 0; at < value.length; at += size) pieces.push(value.subarray(at, at + size));
    for (let at = 0; at < pieces.length; at += AT_ONCE) {
      const writes = pieces
        .slice(at, at + AT_ONCE)
        .map((piece, n) => this.#connection.ask(this.#subjects.piece(set, at + n), piece));
      await Promise.all(writes);
    }
    const isFresh = (): boolean => performance.now() - began < LONGEST_WRITE_MS;
    const manifest = encodeManifest(name, pieces.length, this.#prefixOf(value));
    return { set, manifest, isFresh };
  }

  /** The value whose manifest this is; undefined where its pieces are not there any more. */
  async read(task: string, { name, count }: Manifest): Promise<Buffer | undefined> {
    const set = this.#subjects.set(task, name);
    const pieces: Buffer[] = [];
    while (pieces.length < count) {
      const some = Math.min(AT_ONCE, count - pieces.length);
      const reads = Array.from({ length: some }, (_, n) =>
        this.#readPiece(this.#subjects.piece(set, pieces.length + n)),
      );
      for (const piece of await Promise.all(reads)) {
        if (piece === undefined) return undefined;
        pieces.push(piece);
      }
    }
    return Buffer.concat(pieces);
  }

  /** Removes the pieces of a set. */
  async remove(set: string): Promise<void> {
    const filter = `${set}.*`;
    const subject = `$JS.API.STREAM.PURGE.${this.#subjects.bucket}`;
    await this.#connection.ask(subject, JSON.stringify({ filter }));
  }

  /** A piece never changes: any server that has it will do. */
  async #readPiece(subject: string): Promise<Buffer | undefined> {
    const found =
      (await this.#messages.direct(subject)) ?? (await this.#messages.fromLeader(subject));
    return found?.payload;
  }

  get #largestMessage(): number {
    return Math.min(LARGEST_MESSAGE, this.#largest);
  }

  /** What the leader's answer can hold, too, as Base64. */
  get #largest(): number {
    return Math.floor((this.#connection.info?.max_payload ?? LARGEST_PIECE) / 2);
  }

  #prefixOf(value: Buffer): Buffer {
    const length = headLength(value);
    return value.subarray(0, length <= this.#largestMessage ? length : 0);
  }
}

function encodeManifest(name: string, count: number, prefix: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_AT + prefix.length);
  bytes[0] = FORMAT;
  bytes.write(name, 1, 'latin1');
  bytes.writeUInt16LE(count, 1 + NAME_LENGTH);
  prefix.copy(bytes, PREFIX_AT);
  return bytes;
}

/** Undefined where the message is no manifest. */
export function manifestIn(payload: Buffer): Manifest | undefined {
  if (payload[0] !== FORMAT) return undefined;
  return {
    name: payload.toString('latin1', 1, 1 + NAME_LENGTH),
    count: payload.readUInt16LE(1 + NAME_LENGTH),
    prefix: payload.subarray(PREFIX_AT),
  };
}
