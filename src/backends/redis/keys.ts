/**
 * Where things lie in Redis. All keys of one task carry the same hash tag, `{<namespace>.<b>}`, so
 * that one script may touch them all, also in a cluster; there are 256 tags for each namespace.
 *
 * The layout is for ever: stored tasks are found by it.
 */
import { crc32 } from 'node:zlib';

/** How many buckets a namespace has. */
export const BUCKETS = 256;

export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The task: a hash of `head`, `outcome`, `progress` and `log`. */
  task(namespace: string, taskId: string): string {
    return `${this.#prefix}{${namespace}.${bucketOf(taskId)}}t:${taskId}`;
  }

  /** What is remembered of the task's consumes: a hash of `index` and of what was consumed. */
  consumed(namespace: string, taskId: string): string {
    return `${this.#prefix}{${namespace}.${bucketOf(taskId)}}c:${taskId}`;
  }

  /** A bucket's index for lists and stats: see `index.lua`. */
  index(namespace: string, bucket: number): string {
    return `${this.#prefix}{${namespace}.${bucket}}i`;
  }

  /** The channel of this namespace's notifications. */
  channel(namespace: string): string {
    return `${this.#prefix}{${namespace}}changes`;
  }

  /** Keys that are never there, in slots of their own: see `RedisBackend`'s ping. */
  probe(number: number): string {
    return `${this.#prefix}{ping.${number}}`;
  }
}

/** A task's bucket, 0 to 255: the CRC-32 (zlib's) of its id's bytes modulo 256. */
export function bucketOf(taskId: string): number {
  return crc32(taskId) & 0xff;
}
