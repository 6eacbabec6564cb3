/**
 * Hints of changes, from what the stream republishes of each message: its headers, on a plain
 * subscription that leaves nothing behind in the server.
 *
 * Each message of the stream has the next sequence, so a gap in them is a hint that was missed. After
 * a reconnect, and at the start, a message of our own shows that hints come through: in a cluster it
 * takes a moment until the stream's server knows of a subscription at another one.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import { Listeners } from '../../result-backend/listeners.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { Backoff } from '../../timing.js';
import { VERSION_HEADER } from './headers.js';
import type { NatsConnection } from './nats-connection.js';
import type { Subjects } from './subjects.js';

interface HintsOptions {
  /** How long it may take until hints come through, in milliseconds. */
  readonly timeoutMs: number;
  /** Told of each message that was stored. */
  readonly onStored?: (sequence: number, headers: NonNullable<Msg['headers']>) => void;
  /** Told where some may have been missed. */
  readonly onLost?: () => void;
}

const LONGEST_PAUSE_MS = 1_000;

export class Hints {
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #options: HintsOptions;
  readonly #listeners = new Listeners();
  #subscription: Subscription | undefined;
  #live: Promise<void> | undefined;
  #refusal: Error | undefined;
  /** The last sequence that was heard of. */
  #heard = 0;
  /** Those who wait until a sequence is heard of. */
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(connection: NatsConnection, subjects: Subjects, options: HintsOptions) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#options = options;
  }

  /** Resolves once hints come through. Throws the client's error. */
  async subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    const isOpen = this.#subscription !== undefined;
    await this.open();
    // It may have been cut since.
    if (isOpen) await this.#probe();
    return this.#listeners.add(namespace, listener);
  }

  /** The connection is a new one. */
  async renew(): Promise<void> {
    if (this.#subscription === undefined) return;
    // What was heard on the old connection says nothing of the new one.
    this.#heard = 0;
    const backoff = new Backoff(LONGEST_PAUSE_MS);
    while (!this.#isClosed) {
      try {
        await this.#probe();
        break;
      } catch {
        await backoff.pause(LONGEST_PAUSE_MS);
      }
    }
    this.#lose();
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription?.unsubscribe();
    this.#listeners.clear();
  }

  /** Resolves once hints come through. Throws the client's error. */
  open(): Promise<void> {
    this.#live ??= this.#start().catch((error: unknown) => {
      this.#subscription?.unsubscribe();
      this.#subscription = undefined;
      this.#live = undefined;
      throw error;
    });
    return this.#live;
  }

  async #start(): Promise<void> {
    this.#refusal = undefined;
    this.#subscription = this.#connection.subscribe(
      this.#subjects.hints,
      (message) => this.#hear(message),
      (error) => {
        this.#refusal = error;
        this.#tellWaiting();
      },
    );
    await this.#probe();
  }

  /** Writes until a hint of it, or of something later, is heard. Throws the client's error. */
  async #probe(): Promise<void> {
    const deadline = performance.now() + this.#options.timeoutMs;
    const backoff = new Backoff(LONGEST_PAUSE_MS);
    for (;;) {
      const { seq } = await this.#connection.ask<{ seq: number }>(this.#subjects.probe);
      if (await this.#hears(seq, backoff.next())) return;
      if (this.#refusal !== undefined) throw this.#refusal;
      if (performance.now() > deadline) {
        throw new Error(`no hints come on ${this.#subjects.hints}: the stream republishes nothing`);
      }
    }
  }

  /** Whether the sequence is heard of within so many milliseconds. */
  #hears(sequence: number, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isHeard: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(isHeard);
      };
      const timer = setTimeout(end, withinMs, false);
      const look = (): void => {
        if (this.#refusal !== undefined) end(false);
        else if (this.#heard >= sequence) end(true);
      };
      this.#waiting.add(look);
      look();
    });
  }

  #hear(message: Msg): void {
    const { headers, subject } = message;
    if (headers === undefined) return;
    const sequence = Number(headers.get('Nats-Sequence'));
    const isNext = this.#heard === 0 || sequence === this.#heard + 1;
    this.#heard = sequence;
    const version = headers.get(VERSION_HEADER);
    const task = version === '' ? undefined : this.#subjects.hinted(subject);
    if (task !== undefined) {
      this.#listeners.tell(task.namespace, task.taskId, version === '-' ? null : version);
    }
    this.#options.onStored?.(sequence, headers);
    if (!isNext) this.#lose();
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    for (const look of this.#waiting) look();
  }

  #lose(): void {
    this.#options.onLost?.();
    this.#listeners.lose();
  }
}
