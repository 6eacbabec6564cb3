/**
 * How the backend's logic reaches Redis: what differs between one server, a sentinel's and a
 * cluster. The logic names a command and its keys; where it goes is decided here.
 */
import { invalidParameter } from '../../errors.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { ClusterConnection } from './redis-cluster.js';
import { type NodeOptions, RedisNode } from './redis-node.js';
import { RedisSubscriber } from './redis-subscriber.js';
import type { RedisSettings } from './redis-url.js';
import type { Argument } from './scripts.js';
import { SentinelWatch } from './sentinel-watch.js';

export interface RedisConnection {
  /** Whether the keys of one command may be anywhere; else they must be of one bucket. */
  readonly takesAnyKeys: boolean;
  /** Throws `store-unavailable`, within the time-out, and leaves nothing open. */
  open(): Promise<void>;
  close(): Promise<void>;
  /**
   * Sends one command, once. Throws the client's error, within the time-out. It goes to where its
   * first key is, or `near`; one without either goes to any server.
   */
  send(name: string, args: Argument[], near?: string): Promise<unknown>;
  /** Likewise, and resolves when the write is as safe as the settings ask for. */
  write(name: string, args: Argument[]): Promise<unknown>;
  /** Keys out of a numbered row, one on each server that takes writes. */
  probes(keyOf: (number: number) => string): readonly string[];
  /** The client's error as `store-unavailable`. */
  wrap(error: unknown): Error;
  /** Resolves once the channel is live. Throws `store-unavailable`. */
  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe>;
}

/** Throws `invalid-parameter` where the settings and the time-out do not go together. */
export function connectionOf(settings: RedisSettings, timeoutMs: number): RedisConnection {
  const options = { settings, timeoutMs, wait: waitOf(settings, timeoutMs) };
  return settings.kind === 'cluster'
    ? new ClusterConnection(options)
    : new PrimaryConnection(options);
}

/** By default a second, and at most half of what a command may take. */
function waitOf(
  { waitReplicas, waitTimeoutMs }: RedisSettings,
  timeoutMs: number,
): NodeOptions['wait'] {
  if (waitReplicas === 0) return undefined;
  const chosenMs = waitTimeoutMs ?? Math.ceil(Math.min(1_000, timeoutMs / 2));
  if (chosenMs >= timeoutMs) {
    throw invalidParameter(
      `wait_timeout is ${chosenMs}ms, and must be below the store's time-out of ${timeoutMs}ms`,
    );
  }
  return { replicas: waitReplicas, timeoutMs: chosenMs };
}

/** One server, or the one that the sentinels say is the primary. */
class PrimaryConnection implements RedisConnection {
  readonly takesAnyKeys = true;
  readonly #options: NodeOptions;
  readonly #subscriber: RedisSubscriber;
  #node: RedisNode;
  #watch: SentinelWatch | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#node = new RedisNode(options);
    this.#subscriber = new RedisSubscriber(options);
  }

  async open(): Promise<void> {
    this.#node = new RedisNode(this.#options);
    await this.#node.open();
    const { settings, timeoutMs } = this.#options;
    if (settings.sentinel === undefined) return;
    this.#watch = new SentinelWatch(settings, timeoutMs, () => {
      this.#node.renew();
      this.#subscriber.renew();
    });
    this.#watch.start();
  }

  async close(): Promise<void> {
    this.#watch?.stop();
    this.#node.close();
    await this.#subscriber.close();
  }

  send(name: string, args: Argument[]): Promise<unknown> {
    return this.#node.send(name, args);
  }

  write(name: string, args: Argument[]): Promise<unknown> {
    return this.#node.write(name, args);
  }

  probes(keyOf: (number: number) => string): readonly string[] {
    return [keyOf(0)];
  }

  wrap(error: unknown): Error {
    return this.#node.wrap(error);
  }

  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#subscriber.subscribe(channel, namespace, listener);
  }
}
