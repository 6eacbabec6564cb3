/**
 * Notifications of a remote resultd: its stream of events, one for all listeners here. It comes back
 * by itself, and goes on from the last event that it had; where the service cannot do that, hints
 * are lost, and listeners are told so.
 */
import { ResultdError } from '../../errors.js';
import { Listeners } from '../../result-backend/listeners.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { EventStream } from './event-stream.js';
import type { Transport } from './transport.js';

export class EventSubscription {
  readonly #transport: Transport;
  readonly #listeners = new Listeners();
  #stream: EventStream | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves once changes are heard of. Throws where that does not come about in time. */
  async subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    const remove = this.#listeners.add(namespace, listener);
    const leave = async (): Promise<void> => {
      await remove();
      if (this.#listeners.isEmpty) this.close();
    };
    try {
      this.#stream ??= new EventStream(this.#transport, namespace, this.#listeners);
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
}
