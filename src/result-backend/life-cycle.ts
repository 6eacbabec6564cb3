/**
 * The life of something that is opened once, used by many calls, and closed once. Nothing is closed
 * under a running call: closing refuses new calls, and waits for the running ones.
 */
import { notRunning } from '../errors.js';

type State = 'new' | 'starting' | 'running' | 'shutting down' | 'shut down';

export class LifeCycle {
  #state: State = 'new';
  #running = 0;
  #onIdle: (() => void) | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #hasOpened = false;

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Opens by `open`. Safe to repeat; one that failed may be tried again; not after `close`. */
  async open(open: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined) throw notRunning(this.#state);
    this.#opening ??= this.#open(open);
    return this.#opening;
  }

  /** Closes by `close`, unless it was never opened. Safe to repeat. */
  async close(close: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#close(close);
    return this.#closing;
  }

  /** Counts one call; every one ends with `leave`. Throws `store-unavailable` where it is not open. */
  enter(): void {
    if (this.#state !== 'running') throw notRunning(this.#state);
    this.#running += 1;
  }

  leave(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onIdle?.();
  }

  async #open(open: () => Promise<void>): Promise<void> {
    this.#state = 'starting';
    try {
      await open();
      this.#hasOpened = true;
      if (this.#closing === undefined) this.#state = 'running';
    } catch (error) {
      this.#opening = undefined;
      if (this.#closing === undefined) this.#state = 'new';
      throw error;
    }
  }

  async #close(close: () => Promise<void>): Promise<void> {
    this.#state = 'shutting down';
    await this.#opening?.catch(() => {});
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    if (this.#hasOpened) await close();
    this.#state = 'shut down';
  }
}
