/** Makes the connection that the settings ask for: to one server, a sentinel's, or a cluster. */
import { invalidParameter } from '../../errors.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { ClusterConnection } from './redis-cluster.js';
import type { RedisConnection } from './redis-connection.js';
import { type NodeOptions, RedisNode } from './redis-node.js';
import { RedisSubscriber } from './redis-subscriber.js';
import type { RedisSettings } from './redis-url.js';
import type { Argument } from './scripts.js';
import { SentinelWatch } from './sentinel-watch.js';

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
