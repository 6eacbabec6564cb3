/**
 * The NATS backend: each task is the one message of its subject in a JetStream stream, and a swap is
 * a publish that expects the subject's last sequence. The server removes what has expired by itself
 * from 2.11 on, and tells of every message by its headers.
 */

import { storeUnavailable } from '../../errors.js';
import { NEVER } from '../../record/entry.js';
import {
  CompareAndSwapBackend,
  type Load,
  type Loaded,
  type Swap,
  type SwapResult,
} from '../../result-backend/compare-and-swap.js';
import { decodeHeadOnly, decodeStored, encodeStored } from '../../result-backend/stored-value.js';
import type {
  Listener,
  ResultBackendOptions,
  Supports,
  Unsubscribe,
} from '../../result-backend.js';
import { ExpiryPurge } from './expiry-purge.js';
import {
  EXPECTED_HEADER,
  EXPIRES_HEADER,
  type Header,
  Headers,
  TTL_HEADER,
  VERSION_HEADER,
} from './headers.js';
import { Hints } from './hints.js';
import { type Message, Messages } from './messages.js';
import { NatsConnection } from './nats-connection.js';
import { JetStreamError } from './nats-errors.js';
import { type NatsSettings, parseNatsUrl } from './nats-url.js';
import { manifestIn, Pieces } from './pieces.js';
import { openStream, type Stream } from './stream.js';
import { Subjects } from './subjects.js';
import { Sweep } from './sweep.js';

/** Another write came first; the second one from clusters that do not say which. */
const WRONG_SEQUENCE: readonly number[] = [10071, 10164];
/** A large task that is written all the time is read again so often. */
const READS = 10;
/** How long the trace of a removed task stays, where the server takes it away. */
const TOMBSTONE_MS = 1_000;
const NOTHING = Buffer.alloc(0);

export interface NatsBackendOptions extends ResultBackendOptions {
  /** How long NATS may take to answer, in milliseconds. Default: 2,000. */
  readonly storeTimeoutMs?: number;
  /** Where relative paths in the URL start. Default: the working directory. */
  readonly baseDirectory?: string;
  /** How often pieces that nothing names are looked for, in milliseconds. Default: 60,000. */
  readonly sweepEveryMs?: number;
  /** Told what an acknowledgement is worth, where that is less than one may think. */
  readonly onWarning?: (message: string) => void;
}

/** What a swap expects, and the pieces that go when it is won. */
interface Revision {
  readonly sequence: number;
  readonly set: string | undefined;
}

export class NatsBackend extends CompareAndSwapBackend<Revision> {
  readonly supports: Supports;
  readonly #settings: NatsSettings;
  readonly #timeoutMs: number;
  readonly #onWarning: (message: string) => void;
  readonly #subjects: Subjects;
  readonly #connection: NatsConnection;
  readonly #messages: Messages;
  readonly #pieces: Pieces;
  readonly #sweep: Sweep;
  #hints: Hints;
  /** Undefined where the server removes what has expired. */
  #purge: ExpiryPurge | undefined;
  #stream: Stream = { hasTtl: false, hasOthers: false, replicas: 1 };

  constructor(settings: NatsSettings, options: NatsBackendOptions = {}) {
    super(options);
    const durable = settings.storage === 'file';
    this.supports = { durable, shared: true, namespaces: true, listing: false };
    this.#settings = settings;
    this.#timeoutMs = options.storeTimeoutMs ?? 2_000;
    this.#onWarning = options.onWarning ?? (() => {});
    this.#subjects = new Subjects(settings.bucket);
    const onReconnect = (): void => void this.#hints.renew();
    this.#connection = new NatsConnection(settings, this.#timeoutMs, { onReconnect });
    this.#messages = new Messages(this.#connection, settings.bucket);
    this.#pieces = new Pieces(this.#connection, this.#subjects, this.#messages);
    this.#sweep = new Sweep({
      connection: this.#connection,
      subjects: this.#subjects,
      messages: this.#messages,
      pieces: this.#pieces,
      now: () => this._now(),
      expiry: (keepUntil) => this.#expiry(keepUntil),
      everyMs: options.sweepEveryMs ?? 60_000,
    });
    this.#hints = this.#newHints();
  }

  /** A backend on what the URL names. Throws `invalid-parameter` where it is not valid. */
  static fromUrl(url: string, options: NatsBackendOptions = {}): NatsBackend {
    return new NatsBackend(parseNatsUrl(url, options.baseDirectory), options);
  }

  protected async _startup(): Promise<void> {
    await this.#connection.open();
    try {
      this.#stream = await openStream(this.#connection, this.#settings, this.#subjects);
      this.#hints = this.#newHints();
      if (this.#purge !== undefined) {
        await this.#hints.open();
        this.#purge.start();
      }
    } catch (error) {
      const wrapped = this.#connection.wrap(error);
      await this.#connection.close();
      throw wrapped;
    }
    this.#sweep.start();
    this.#warn();
  }

  protected async _shutdown(): Promise<void> {
    this.#sweep.stop();
    this.#purge?.stop();
    this.#hints.close();
    await this.#connection.close();
  }

  /** A write that changes nothing: a full or leaderless stream refuses it. */
  protected async _ping(): Promise<void> {
    await this.#wrapped(this.#connection.ask(this.#subjects.probe));
  }

  protected _load(loads: readonly Load[]): Promise<(Loaded<Revision> | Error)[]> {
    return Promise.all(
      loads.map((load) => this.#loadOne(load).catch((error) => this.#connection.wrap(error))),
    );
  }

  protected _swap(swaps: readonly Swap<Revision>[]): Promise<(SwapResult | Error)[]> {
    return Promise.all(
      swaps.map((swap) => this.#swapOne(swap).catch((error) => this.#connection.wrap(error))),
    );
  }

  protected async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#wrapped(this.#hints.subscribe(namespace, listener));
  }

  async #loadOne(load: Load): Promise<Loaded<Revision>> {
    const task = this.#subjects.task(load.namespace, load.taskId);
    for (let reads = 1; reads <= READS; reads += 1) {
      const found = await this.#read(task);
      if (found === undefined) return { entry: undefined, consumed: [], revision: undefined };
      const loaded = await this.#decode(task, found, load);
      if (loaded !== undefined) return loaded;
    }
    throw storeUnavailable(`${task} was written ${READS} times while it was read: try again`);
  }

  #read(subject: string): Promise<Message | undefined> {
    return this.#stream.replicas > 1
      ? this.#messages.fromLeader(subject)
      : this.#messages.direct(subject);
  }

  /** Undefined where the message is another one by now. */
  async #decode(
    task: string,
    { payload, sequence }: Message,
    { parts, isForSwap }: Load,
  ): Promise<Loaded<Revision> | undefined> {
    const manifest = manifestIn(payload);
    const revision = isForSwap
      ? { sequence: sequence(), set: manifest && this.#subjects.set(task, manifest.name) }
      : undefined;
    // The trace of a task that has expired or was removed.
    if (payload.length === 0) return { entry: undefined, consumed: [], revision };
    if (manifest === undefined) return { ...decodeStored(payload), revision };
    if (!isForSwap && !parts.body && !parts.log && manifest.prefix.length > 0) {
      return { entry: decodeHeadOnly(manifest.prefix), consumed: [], revision };
    }
    const value = await this.#pieces.read(task, manifest);
    return value === undefined ? undefined : { ...decodeStored(value), revision };
  }

  async #swapOne({ namespace, taskId, from, to, hint }: Swap<Revision>): Promise<SwapResult> {
    const task = this.#subjects.task(namespace, taskId);
    const value = to === undefined ? NOTHING : encodeStored(to);
    const large = this.#pieces.isLarge(value) ? await this.#pieces.write(task, value) : undefined;
    const headers = new Headers([
      [EXPECTED_HEADER, from.revision?.sequence ?? 0],
      ...this.#expiry(to?.keepUntil ?? this._now() + TOMBSTONE_MS),
      ...(hint === undefined ? [] : ([[VERSION_HEADER, hint ?? '-']] as const)),
    ]);
    if (large?.isFresh() === false) {
      throw storeUnavailable(`${task} took too long to write: try again`);
    }
    try {
      await this.#connection.ask(task, large?.manifest ?? value, headers);
    } catch (error) {
      if (!(error instanceof JetStreamError) || !WRONG_SEQUENCE.includes(error.errCode))
        throw error;
      if (large !== undefined) this.#forget(large.set);
      return 'lost';
    }
    if (from.revision?.set !== undefined) this.#forget(from.revision.set);
    return 'won';
  }

  /** How the server, or the purge, is told when the value may go. */
  #expiry(keepUntil: number): readonly Header[] {
    if (keepUntil === NEVER) return [];
    // The server cuts to whole seconds: nothing may go before its time.
    const seconds = Math.max(Math.ceil((keepUntil - this._now()) / 1_000) + 1, 1);
    return [this.#stream.hasTtl ? [TTL_HEADER, seconds] : [EXPIRES_HEADER, keepUntil]];
  }

  /** Pieces that no manifest names any more. What is left behind here is the sweep's. */
  #forget(set: string): void {
    this.#pieces.remove(set).catch(() => {});
  }

  #newHints(): Hints {
    const purge = this.#stream.hasOthers
      ? new ExpiryPurge(this.#connection, this.#subjects, () => this._now())
      : undefined;
    this.#purge = purge;
    const watch = purge === undefined ? {} : { onStored: purge.note, onLost: () => purge.scan() };
    return new Hints(this.#connection, this.#subjects, { timeoutMs: this.#timeoutMs, ...watch });
  }

  #warn(): void {
    const { storage, warnsOfSync } = this.#settings;
    if (storage === 'memory') {
      this.#onWarning('NATS keeps this bucket in memory: results are gone when the server ends');
    } else if (warnsOfSync) {
      this.#onWarning(
        'NATS acknowledges a write before it is on disk, and syncs every two minutes: a power ' +
          'failure may lose results. Set sync_interval: always in its configuration where they ' +
          'must not be lost, and sync_warning=off in the URL',
      );
    }
  }

  async #wrapped<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#connection.wrap(error);
    }
  }
}
