/**
 * Removes what has expired from servers that do not do so by themselves, those below 2.11.
 *
 * What is stored is known from a scan at the start, and from the hints since; where some of them were
 * missed, from another scan. A message is removed by its sequence, which is the condition: one that
 * was replaced is not there any more.
 */
import type { Msg } from '@nats-io/transport-node';
import { EXPIRES_HEADER } from './headers.js';
import type { NatsConnection } from './nats-connection.js';
import { JetStreamError } from './nats-errors.js';
import { scanTasks } from './stream-scan.js';
import type { Subjects } from './subjects.js';

const SLOT_MS = 500;
/** Clocks of other replicas may be behind by so much. */
const MARGIN_MS = 1_000;
const MOST_AT_ONCE = 500;

export class ExpiryPurge {
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #now: () => number;
  /** Sequences by the number of the slot in which they are due. */
  readonly #slots = new Map<number, number[]>();
  #timer: NodeJS.Timeout | undefined;
  #isPurging = false;
  #isScanning = false;
  #scansAgain = false;

  constructor(connection: NatsConnection, subjects: Subjects, now: () => number) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#now = now;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#purge(), SLOT_MS).unref();
    this.scan();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something was stored. */
  readonly note = (sequence: number, headers: NonNullable<Msg['headers']>): void => {
    const expires = headers.get(EXPIRES_HEADER);
    if (expires === '') return;
    const slot = Math.ceil((Number(expires) + MARGIN_MS) / SLOT_MS);
    const due = this.#slots.get(slot);
    if (due === undefined) this.#slots.set(slot, [sequence]);
    else due.push(sequence);
  };

  /** Learns anew what is stored: some of it may not have been heard of. */
  scan(): void {
    this.#scansAgain = true;
    if (!this.#isScanning) void this.#scan();
  }

  async #scan(): Promise<void> {
    this.#isScanning = true;
    while (this.#scansAgain && this.#timer !== undefined) {
      this.#scansAgain = false;
      try {
        await scanTasks(this.#connection, this.#subjects, this.note);
      } catch {
        // The connection is gone: when it is back, hints were missed, and that asks for a scan.
      }
    }
    this.#isScanning = false;
  }

  async #purge(): Promise<void> {
    if (this.#isPurging) return;
    this.#isPurging = true;
    const now = this.#now() / SLOT_MS;
    const due = [...this.#slots.keys()].filter((slot) => slot <= now).sort((a, b) => a - b);
    for (const slot of due) {
      if (!(await this.#removeAll(this.#slots.get(slot)!))) break;
      this.#slots.delete(slot);
    }
    this.#isPurging = false;
  }

  /** False where the store could not be asked. */
  async #removeAll(sequences: readonly number[]): Promise<boolean> {
    for (let at = 0; at < sequences.length; at += MOST_AT_ONCE) {
      const some = sequences.slice(at, at + MOST_AT_ONCE);
      const removals = await Promise.all(some.map((sequence) => this.#remove(sequence)));
      if (removals.includes(false)) return false;
    }
    return true;
  }

  async #remove(sequence: number): Promise<boolean> {
    const subject = `$JS.API.STREAM.MSG.DELETE.${this.#subjects.bucket}`;
    try {
      await this.#connection.ask(subject, JSON.stringify({ seq: sequence, no_erase: true }));
      return true;
    } catch (error) {
      // Replaced, or removed by another replica.
      return error instanceof JetStreamError;
    }
  }
}
