/**
 * Notifications of a remote resultd: its stream of events, one for all listeners here. It comes back
 * by itself, and goes on from the last event that it had; where the service cannot do that, hints
 * are lost, and listeners are told so.
 */
import { ResultdError } from '../../errors.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { EventStream } from './event-stream.js';
import type { Transport } from './transport.js';

interface Registered {
  readonly namespace: string;
  readonly listener: Listener;
}

export class EventSubscription {
  readonly #transport: Transport;
  readonly #listeners = new Set<Registered>();
  #stream: EventStream | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves once changes are heard of. Throws where that does not come about in time. */
  async subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    const registered = { namespace, listener };
    this.#listeners.add(registered);
    const leave = async (): Promise<void> => {
      this.#listeners.delete(registered);
      if (this.#listeners.size === 0) this.close();
    };
    try {
      this.#stream ??= this.#open();
      await this.#stream.live();
    } catch (error) {
      await leave();
      throw error instanceof ResultdError ? error : this.#transport.unavailable(error);
    }
    return leave;
  }

  /** Ends the stream. */
  close(): void {
    this.#stream?.end();
    this.#stream = undefined;
  }

  #open(): EventStream {
    return new EventStream(this.#transport, {
      changed: (taskId, version) => {
        for (const { listener, namespace } of this.#listeners) {
          listener({ namespace, taskId, version });
        }
      },
      lost: () => {
        for (const { listener } of this.#listeners) listener({ lost: true });
      },
    });
  }
}
