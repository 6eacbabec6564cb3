/**
 * How the backend's logic reaches Redis: what differs between one server, a sentinel's and a
 * cluster. The logic names a command and its keys; where it goes is decided here.
 */
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { type LinkOptions, RedisLink } from './redis-link.js';
import { RedisSubscriber } from './redis-subscriber.js';
import type { Argument } from './scripts.js';

export interface RedisConnection {
  /** Throws `store-unavailable`, within the time-out, and leaves nothing open. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Sends one command, once. Throws the client's error, within the time-out. */
  send(name: string, args: Argument[]): Promise<unknown>;
  /** The client's error as `store-unavailable`. */
  wrap(error: unknown): Error;
  /** Resolves once the channel is live. Throws `store-unavailable`. */
  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe>;
}

/** One server: a connection for commands, and one for notifications once somebody listens. */
export class SingleConnection implements RedisConnection {
  readonly #options: LinkOptions;
  readonly #subscriber: RedisSubscriber;
  #link: RedisLink;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#link = new RedisLink(options);
    this.#subscriber = new RedisSubscriber(options);
  }

  async open(): Promise<void> {
    this.#link = new RedisLink(this.#options);
    await this.#link.open();
  }

  async close(): Promise<void> {
    this.#link.close();
    await this.#subscriber.close();
  }

  send(name: string, args: Argument[]): Promise<unknown> {
    return this.#link.send(name, args);
  }

  wrap(error: unknown): Error {
    return this.#link.wrap(error);
  }

  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#subscriber.subscribe(channel, namespace, listener);
  }
}
