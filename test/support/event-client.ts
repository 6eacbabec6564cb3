/** A real EventSource on a stream of events, which connects again by itself when it is cut off. */
import { once } from 'node:events';
import { EventSource } from 'eventsource';
import type { Test } from 'tap';
import { brief, type SeenEvent } from './event-text.js';
import { until } from './until.js';

export class EventClient {
  readonly events: SeenEvent[] = [];
  readonly source: EventSource;
  /** How often it has been connected. */
  opened = 0;
  /** The `Last-Event-ID` of each of its requests. */
  readonly askedFrom: (string | undefined)[] = [];

  private constructor(url: string) {
    this.source = new EventSource(url, {
      fetch: (input, init) => {
        this.askedFrom.push(init.headers['Last-Event-ID']);
        return fetch(input, init);
      },
    });
    this.source.addEventListener('open', () => {
      this.opened += 1;
    });
    for (const type of ['status', 'removed', 'reset', 'message']) {
      this.source.addEventListener(type, ({ data, lastEventId }) => {
        this.events.push({ type, data, id: lastEventId });
      });
    }
  }

  /** Connects, and waits until it is. The test's end closes it. */
  static async open(t: Test, url: string): Promise<EventClient> {
    const client = new EventClient(url);
    t.teardown(() => client.source.close());
    await once(client.source as unknown as EventTarget, 'open');
    return client;
  }

  get told(): string[] {
    return this.events.map(brief);
  }

  /** Expects it to have heard exactly this, by and by. */
  async hears(t: Test, wanted: readonly string[], message: string): Promise<void> {
    await this.until(() => this.events.length >= wanted.length).catch(() => {});
    t.same(this.told, wanted, message);
  }

  async until(condition: () => boolean): Promise<void> {
    await until('it has heard', condition).catch((error: Error) => {
      throw new Error(`${error.message}; it has heard ${this.told}`);
    });
  }
}
