/**
 * The event hub: tells many readers what becomes of tasks, over any result backend.
 *
 * A notification is a hint: it says which task to read. All that were hinted at are read in one
 * batch, at most every 50 ms; what the read finds goes into the log, and from there to the readers.
 * Where hints were lost, all readers are told so, since nobody knows what they have missed. While
 * nobody reads, and nobody will come back, nothing is read or kept.
 */

import type { Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import * as errors from '../errors.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { Notification, ResultBackend, Unsubscribe } from '../result-backend.js';
import { readInChunks } from '../waits/chunked-reads.js';
import { HintedReads } from '../waits/hinted-reads.js';
import { EventAudience } from './event-audience.js';
import { retryBlock } from './event-blocks.js';
import type { EventFilter } from './event-filter.js';
import { EventLog, type TaskEvent } from './event-log.js';
import { EventReader } from './event-reader.js';

export interface EventHubOptions {
  /** How many readers there may be at once. Default: 10,000. */
  readonly maxEventReaders?: number;
  /** How often readers are sent a comment, in milliseconds. Default: 15,000. */
  readonly eventHeartbeatMs?: number;
  /** How many events a reader may be behind, or have missed while away. Default: 10,000. */
  readonly maxLoggedEvents?: number;
  /** How long events are kept for readers to come back after the last has gone. Default: 60,000. */
  readonly eventLingerMs?: number;
}

export interface EventRequest {
  readonly filter: EventFilter;
  /** The last event that the reader had, from which it goes on. */
  readonly lastEventId?: string | undefined;
  /** The one task of the filter, where the stream starts with its present status. */
  readonly startsWith?: string | undefined;
}

const FLUSH_MS = 50;
/** How many tasks one batched read asks for. */
const BATCH = 500;
/** When to try again where the store could not be asked. */
const RETRY_MS = 500;
/** The longest that events kept for slow or absent readers are together, in characters. */
const MAX_LOGGED_LENGTH = 16 * 1_024 * 1_024;

/** How long the filters of all readers may be together, in characters. */
const MAX_FILTER_LENGTH = 4 * 1_024 * 1_024;

export class EventHub {
  readonly #backend: ResultBackend;
  readonly #options: Required<EventHubOptions>;
  readonly #log: EventLog;
  readonly #audience: EventAudience;
  #filterLength = 0;
  readonly #reads: HintedReads;
  #isIdle = true;
  #isDraining = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #unsubscribe: Unsubscribe | undefined;

  constructor(backend: ResultBackend, options: EventHubOptions = {}) {
    this.#backend = backend;
    this.#options = {
      maxEventReaders: options.maxEventReaders ?? 10_000,
      eventHeartbeatMs: options.eventHeartbeatMs ?? 15_000,
      maxLoggedEvents: options.maxLoggedEvents ?? 10_000,
      eventLingerMs: options.eventLingerMs ?? 60_000,
    };
    this.#log = new EventLog({
      maxEvents: this.#options.maxLoggedEvents,
      maxLength: MAX_LOGGED_LENGTH,
    });
    this.#audience = new EventAudience(this.#log);
    this.#reads = new HintedReads(backend, {
      atOnce: BATCH,
      gatherMs: (sinceMs) => FLUSH_MS - sinceMs,
      retryMs: RETRY_MS,
      onLost: () => this.#reset(),
      onRead: (taskIds, snapshots) => this.#publish(taskIds, snapshots),
      onEnd: () => this.#showStarting(),
    });
  }

  /** Readers now. */
  get readers(): number {
    return this.#audience.size;
  }

  /** Starts to listen; the backend must be started. Resolves once the subscription is live. */
  async start(): Promise<void> {
    this.#unsubscribe = await this.#backend.subscribe((notification) => this.#hear(notification));
    const { eventHeartbeatMs } = this.#options;
    this.#heartbeat = setInterval(() => this.#audience.beat(), eventHeartbeatMs).unref();
  }

  /** Stops listening. Drain first. */
  async stop(): Promise<void> {
    this.#reads.stop();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#idleTimer);
    await this.#unsubscribe?.();
  }

  /** Throws `overloaded` where one more reader would be too many, or their filters too long. */
  requireRoom(filter: EventFilter): void {
    const { maxEventReaders } = this.#options;
    const isFull = this.#filterLength + filter.key.length > MAX_FILTER_LENGTH;
    if (isFull || this.#audience.size >= maxEventReaders) {
      throw errors.tooManyReaders(this.#audience.size);
    }
  }

  /**
   * Writes events to `out`, which nobody else writes to, until it closes or falls too far behind.
   * The start of the stream is written at once.
   */
  open(out: Writable, { filter, lastEventId, startsWith }: EventRequest): void {
    if (out.destroyed) return;
    const reader = new EventReader(out, filter, startsWith);
    // Those who were cut off together are not to come back together.
    out.write(retryBlock(1_000 + Math.floor(Math.random() * 2_000)));
    if (this.#isDraining) {
      reader.end();
      return;
    }
    out.on('drain', () => reader.catchUp(this.#log));
    this.#filterLength += filter.key.length;
    out.once('close', () => {
      this.#filterLength -= filter.key.length;
      this.#leave(reader);
    });
    clearTimeout(this.#idleTimer);
    this.#isIdle = false;
    const position = lastEventId === undefined ? undefined : this.#log.positionOf(lastEventId);
    if (typeof position === 'number') this.#audience.resume(reader, position);
    else this.#audience.begin(reader, position);
    if (this.#audience.starting.has(reader)) void this.#reads.read();
  }

  /** Ends every stream, spread evenly over `durationMs`, and from now on each one that is opened. */
  async drain(durationMs: number): Promise<void> {
    this.#isDraining = true;
    const readers = this.#audience.all();
    const started = Date.now();
    for (const [index, reader] of readers.entries()) {
      const due = started + (durationMs * index) / readers.length;
      if (due > Date.now()) await delay(due - Date.now());
      if (this.#leave(reader)) reader.end();
    }
  }

  #leave(reader: EventReader): boolean {
    if (!this.#audience.remove(reader)) return false;
    if (this.#audience.size === 0 && !this.#reads.isStopped) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.#rest(), this.#options.eventLingerMs).unref();
    }
    return true;
  }

  /** Nobody reads, and nobody comes back: what happens from now on is not heard. */
  #rest(): void {
    this.#isIdle = true;
    this.#reads.forget();
    this.#log.cut();
  }

  #hear(notification: Notification): void {
    if (this.#isIdle) return;
    if ('lost' in notification) {
      void this.#reads.lose();
    } else if (this.#reads.size < this.#options.maxLoggedEvents) {
      this.#reads.hear(notification.taskId);
    } else {
      // More has changed than any reader may be behind, and the store is not read as fast.
      this.#reads.forget();
      void this.#reads.lose();
    }
  }

  /** Readers read anew what they want to know: nothing is read for them. */
  #reset(): readonly string[] {
    this.#log.cut();
    this.#audience.reset();
    return [];
  }

  async #showStarting(): Promise<void> {
    const starting = [...this.#audience.starting];
    const ids = starting.map((reader) => reader.startsWith!);
    let shown = 0;
    for await (const chunk of readInChunks(this.#backend, ids, BATCH)) {
      for (const snapshot of chunk) {
        this.#audience.show(starting[shown]!, snapshot);
        shown += 1;
      }
    }
  }

  async #publish(
    taskIds: readonly string[],
    snapshots: readonly (TaskSnapshot | undefined)[],
  ): Promise<void> {
    const events = new Map<string, TaskEvent>();
    for (const [index, taskId] of taskIds.entries()) {
      const event = this.#log.append(taskId, snapshots[index]);
      if (event !== undefined) events.set(taskId, event);
    }
    this.#audience.tell(events);
    // Where much has changed, readers take it in, and others have their turn, in between.
    await nextTurn();
  }
}
