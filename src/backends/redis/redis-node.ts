/**
 * One server that takes writes, and the connections to it: one for all commands, and where writes
 * wait for replicas, a second one for the writes, since WAIT holds up its connection.
 */

import { type LinkOptions, RedisLink } from './redis-link.js';
import { ReplicatedWrites } from './replicated-writes.js';
import type { Argument } from './scripts.js';

export interface NodeOptions extends LinkOptions {
  /** Undefined where a write is acknowledged as soon as the server has made it. */
  readonly wait: { readonly replicas: number; readonly timeoutMs: number } | undefined;
}

export class RedisNode {
  /** Resolves when the first attempt to connect is over, however it ended. */
  started: Promise<void> | undefined;
  readonly #link: RedisLink;
  readonly #writes: { readonly link: RedisLink; readonly group: ReplicatedWrites } | undefined;

  constructor(options: NodeOptions) {
    this.#link = new RedisLink(options);
    if (options.wait === undefined) return;
    const link = new RedisLink(options);
    this.#writes = { link, group: new ReplicatedWrites(link, options.wait) };
  }

  get isReady(): boolean {
    return this.#link.isReady && this.#writes?.link.isReady !== false;
  }

  /** Connects, or throws `store-unavailable` and leaves nothing open. */
  async open(): Promise<void> {
    try {
      await Promise.all(this.#links().map((link) => link.open()));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Connects, and goes on trying. */
  start(): void {
    this.started = Promise.all(this.#links().map((link) => link.start())).then(() => {});
  }

  close(): void {
    for (const link of this.#links()) link.close();
  }

  /** Leaves the server for the one that is now in charge. */
  renew(): void {
    for (const link of this.#links()) link.renew();
  }

  /** Sends one command. `isAsked`: the key is only about to be moved to this node. */
  send(name: string, args: Argument[], isAsked = false): Promise<unknown> {
    if (isAsked) this.#link.send('asking', []).catch(() => {});
    return this.#link.send(name, args);
  }

  /** Likewise, and resolves when as many replicas have it as they should. */
  write(name: string, args: Argument[], isAsked = false): Promise<unknown> {
    if (this.#writes === undefined) return this.send(name, args, isAsked);
    return this.#writes.group.write(name, args, isAsked);
  }

  wrap(error: unknown): Error {
    return this.#link.wrap(error);
  }

  #links(): RedisLink[] {
    return this.#writes === undefined ? [this.#link] : [this.#link, this.#writes.link];
  }
}
