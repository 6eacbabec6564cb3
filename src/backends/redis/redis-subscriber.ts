/**
 * Notifications from Redis, over a connection of their own.
 *
 * A channel is live once Redis has acknowledged it. After a reconnect all channels are subscribed
 * anew, and only when that is acknowledged are the listeners told that they may have missed some.
 */
import { Listeners } from '../../result-backend/listeners.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { type LinkOptions, RedisLink } from './redis-link.js';

/** How many servers are tried for the first connection, where there are several and there is time. */
const ATTEMPTS = 3;

interface Channel {
  readonly namespace: string;
  readonly isLive: Promise<unknown>;
}

export class RedisSubscriber {
  readonly #options: LinkOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #listeners = new Listeners();
  #link: Promise<RedisLink> | undefined;
  #live: RedisLink | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Resolves once the channel is live. Throws `store-unavailable`. */
  async subscribe(name: string, namespace: string, listener: Listener): Promise<Unsubscribe> {
    const link = await this.#open();
    const channel = this.#channels.get(name) ?? {
      namespace,
      isLive: link.client.subscribe(name),
    };
    this.#channels.set(name, channel);
    const leave = this.#listeners.add(namespace, listener);
    /** True where it was the channel's last listener. */
    const remove = async (): Promise<boolean> => {
      await leave();
      const isLast = !this.#listeners.has(namespace) && this.#channels.get(name) === channel;
      return isLast && this.#channels.delete(name);
    };
    try {
      await channel.isLive;
    } catch (error) {
      await remove();
      throw link.wrap(error);
    }
    return async () => {
      if (await remove()) await link.client.unsubscribe(name).catch(() => {});
    };
  }

  /** Where the notifications come from; undefined where there is no connection. */
  get address(): string | undefined {
    return this.#live?.isReady === true ? this.#live.address : undefined;
  }

  /** Leaves the server for the one that is now in charge; listeners are told of the gap. */
  renew(): void {
    this.#live?.renew();
  }

  async close(): Promise<void> {
    const link = await this.#link?.catch(() => undefined);
    this.#channels.clear();
    this.#listeners.clear();
    link?.close();
    this.#link = undefined;
    this.#live = undefined;
  }

  #open(): Promise<RedisLink> {
    const attempts = this.#options.locate === undefined ? 1 : ATTEMPTS;
    this.#link ??= this.#connect(attempts).catch((error: unknown) => {
      this.#link = undefined;
      throw error;
    });
    return this.#link;
  }

  async #connect(attempts: number): Promise<RedisLink> {
    const deadline = performance.now() + this.#options.timeoutMs / 2;
    for (let attempt = 1; ; attempt += 1) {
      const link = new RedisLink({
        ...this.#options,
        onReconnect: () => void this.#resubscribe(link),
      });
      link.client.on('message', (name: string, message: string) => this.#deliver(name, message));
      try {
        await link.open();
        this.#live = link;
        return link;
      } catch (error) {
        if (attempt >= attempts || performance.now() > deadline) throw error;
      }
    }
  }

  async #resubscribe(link: RedisLink): Promise<void> {
    const names = [...this.#channels.keys()];
    try {
      if (names.length > 0) await link.client.subscribe(...names);
    } catch {
      link.renew();
      return;
    }
    this.#listeners.lose();
  }

  #deliver(name: string, message: string): void {
    const channel = this.#channels.get(name);
    const space = message.indexOf(' ');
    if (channel === undefined || space < 1) return;
    const version = message.slice(0, space);
    const taskId = message.slice(space + 1);
    this.#listeners.tell(channel.namespace, taskId, version === '-' ? null : version);
  }
}
