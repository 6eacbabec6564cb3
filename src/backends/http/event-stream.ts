/** One stream of events that lasts: when its connection ends, it makes another. */

import { ResultdError, storeUnavailable } from '../../errors.js';
import type { Listeners } from '../../result-backend/listeners.js';
import { Backoff, pause } from '../../timing.js';
import { EventParser, type ServerEvent } from './event-parser.js';
import { changeIn } from './task-view.js';
import type { Transport } from './transport.js';

/** The service sends a comment every 15 s: a stream that says nothing for so long is dead. */
const SILENT_MS = 40_000;

export class EventStream {
  readonly #transport: Transport;
  readonly #namespace: string;
  readonly #listeners: Listeners;
  readonly #parser = new EventParser();
  readonly #abort = new AbortController();
  #isLive = false;
  #hasBeenLive = false;
  /** Why the last connection did not come about. */
  #failure: ResultdError | undefined;
  /** The service has refused it: another try now would be, too. */
  #isRefused = false;
  #wakes: (() => void)[] = [];

  constructor(transport: Transport, namespace: string, listeners: Listeners) {
    this.#transport = transport;
    this.#namespace = namespace;
    this.#listeners = listeners;
    void this.#run();
  }

  /**
   * Resolves where changes are heard of now. Rejects with the last failure where that does not come
   * about within the time of a call, or where trying again is no use.
   */
  async live(): Promise<void> {
    const deadline = performance.now() + this.#transport.timeoutMs;
    while (!this.#isLive) {
      const { signal } = this.#abort;
      if (signal.aborted) throw storeUnavailable('the subscription has ended');
      if (this.#isRefused || performance.now() >= deadline) {
        throw this.#failure ?? storeUnavailable(`${this.#where}: its events did not begin in time`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()));
        this.#wakes.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  end(): void {
    this.#abort.abort();
    this.#wake();
  }

  get #where(): string {
    return `the resultd at ${this.#transport.settings.shown}`;
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const backoff = new Backoff();
    for (;;) {
      await this.#follow().catch((error: unknown) => {
        this.#failure = this.#transport.unavailable(error);
        this.#isRefused = error instanceof ResultdError;
      });
      if (signal.aborted) return;
      const wasLive = this.#isLive;
      if (wasLive) backoff.reset();
      this.#isLive = false;
      this.#wake();
      // The service says how far apart those that it sent away are to come back.
      await pause(wasLive ? Math.random() * this.#parser.retryMs : backoff.next(), signal);
      if (signal.aborted) return;
    }
  }

  /** One connection, until it ends. */
  async #follow(): Promise<void> {
    const { lastEventId } = this.#parser;
    const request = {
      method: 'GET',
      path: '/v1/events',
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
      expected: [200],
    } as const;
    const parts = await this.#transport.stream(request, {
      timeoutMs: this.#transport.timeoutMs / 2,
      idleMs: SILENT_MS,
      signal: this.#abort.signal,
    });
    this.#parser.restart();
    for await (const bytes of parts) {
      this.#begin(lastEventId !== undefined);
      for (const event of this.#parser.take(bytes)) this.#hear(event);
    }
  }

  /** Something has come: from now on changes are heard of. */
  #begin(goesOn: boolean): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.#failure = undefined;
    this.#isRefused = false;
    if (this.#hasBeenLive && !goesOn) this.#listeners.lose();
    this.#hasBeenLive = true;
    this.#wake();
  }

  #hear({ type, data }: ServerEvent): void {
    if (type === 'reset') {
      this.#listeners.lose();
    } else if (type === 'status' || type === 'removed') {
      const { taskId, version } = changeIn(Buffer.from(data));
      this.#listeners.tell(this.#namespace, taskId, version);
    }
  }
}
