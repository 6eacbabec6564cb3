/** The writable end of a stream of events, for tests: it keeps what it takes, and can stop taking. */
import { Writable } from 'node:stream';
import { brief, eventsIn, lastIdIn, type SeenEvent } from './event-text.js';

export class EventSink extends Writable {
  /** As they were written. */
  readonly chunks: Buffer[] = [];
  #isHeld = false;
  #taken: (() => void) | undefined;

  constructor() {
    // One byte that is not taken is enough to be behind.
    super({ highWaterMark: 1 });
  }

  get text(): string {
    return this.chunks.join('');
  }

  get events(): SeenEvent[] {
    return eventsIn(this.text);
  }

  /** What the events say, in short. */
  get told(): string[] {
    return this.events.map(brief);
  }

  get lastId(): string {
    return lastIdIn(this.text);
  }

  /** From now on, nothing more is taken than one chunk. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.chunks.push(chunk);
    if (this.#isHeld) this.#taken = taken;
    else taken();
  }
}
