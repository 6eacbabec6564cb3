/**
 * Notifications from Redis, over a connection of their own.
 *
 * A channel is live once Redis has acknowledged it. After a reconnect all channels are subscribed
 * anew, and only when that is acknowledged are the listeners told that they may have missed some.
 */
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { type LinkOptions, RedisLink } from './redis-link.js';

/** How many servers are tried for the first connection, where there are several and there is time. */
const ATTEMPTS = 3;

interface Channel {
  readonly namespace: string;
  readonly listeners: Set<Listener>;
  readonly isLive: Promise<unknown>;
}

export class RedisSubscriber {
  readonly #options: LinkOptions;
  readonly #channels = new Map<string, Channel>();
  #link: Promise<RedisLink> | undefined;
  #live: RedisLink | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Resolves once the channel is live. Throws `store-unavailable`. */
  async subscribe(name: string, namespace: string, listener: Listener): Promise<Unsubscribe> {
    const link = await this.#open();
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      const isLive = link.client.subscribe(name);
      channel = { namespace, listeners: new Set(), isLive };
      this.#channels.set(name, channel);
    }
    // Each call is a subscription of its own, also of the same function.
    const own: Listener = (notification) => listener(notification);
    channel.listeners.add(own);
    try {
      await channel.isLive;
    } catch (error) {
      this.#remove(name, channel, own);
      throw link.wrap(error);
    }
    const added = channel;
    return async () => {
      if (!added.listeners.has(own)) return;
      if (this.#remove(name, added, own)) await link.client.unsubscribe(name).catch(() => {});
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
    link?.close();
    this.#link = undefined;
    this.#live = undefined;
  }

  /** Removes a listener; true where it was the channel's last one. */
  #remove(name: string, channel: Channel, listener: Listener): boolean {
    channel.listeners.delete(listener);
    if (channel.listeners.size > 0 || this.#channels.get(name) !== channel) return false;
    return this.#channels.delete(name);
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
    for (const { listeners } of this.#channels.values()) {
      for (const listener of listeners) listener({ lost: true });
    }
  }

  #deliver(name: string, message: string): void {
    const channel = this.#channels.get(name);
    const space = message.indexOf(' ');
    if (channel === undefined || space < 1) return;
    const version = message.slice(0, space);
    const notification = {
      namespace: channel.namespace,
      taskId: message.slice(space + 1),
      version: version === '-' ? null : version,
    };
    for (const listener of channel.listeners) listener(notification);
  }
}
