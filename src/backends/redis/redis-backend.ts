/**
 * The Redis backend: each task is one hash, each write one script, each read one HMGET. Redis is
 * the only clock, expires the keys itself, and publishes each change in the script that makes it.
 *
 * How Redis is reached is the connection's matter; nothing here knows how many servers there are.
 */

import {
  entryExpiresAt,
  HEAD_ONLY,
  loadedBytes,
  type ManyParts,
  type Parts,
  type TaskEntry,
} from '../../record/entry.js';
import {
  countsOf,
  type Listed,
  type Scan,
  type StateCounts,
  stateClassesIn,
} from '../../record/listing.js';
import type { Command, Reply } from '../../result-backend/commands.js';
import { IndexScan } from '../../result-backend/index-scan.js';
import { StoreClock } from '../../result-backend/store-clock.js';
import {
  type Listener,
  ResultBackend,
  type ResultBackendOptions,
  type Supports,
  type Unsubscribe,
} from '../../result-backend.js';
import { COUNT, type IndexPage, LIST, listArguments, positionsOf, sumOf } from './index-scripts.js';
import { BUCKETS, Keys } from './keys.js';
import type { RedisConnection } from './redis-connection.js';
import { connectionOf } from './redis-connections.js';
import { isNoScript } from './redis-errors.js';
import { parseRedisUrl } from './redis-url.js';
import {
  type Answer,
  type Argument,
  argumentsOf,
  entryOf,
  type Fields,
  fieldsOf,
  READ_MANY,
  replyOf,
  SCRIPTS,
  type Script,
} from './scripts.js';

/** Two clocks of machines drift apart by a millisecond or so in this time. */
const READ_CLOCK_EVERY_MS = 10_000;

/** Fewer tasks than this are read one by one: what a script takes beside them would not pay. */
const FEWEST_BY_SCRIPT = 4;
/** At most so many by one script: Redis does nothing else meanwhile. */
const MOST_AT_ONCE = 500;

export interface RedisBackendOptions extends ResultBackendOptions {
  /** How long Redis may take to answer, in milliseconds. Default: 2,000. */
  readonly storeTimeoutMs?: number;
  /** Where a relative `tls_ca` starts. Default: the working directory. */
  readonly baseDirectory?: string;
  /** Whether indexes for lists and stats are kept. Default: as the URL says, on. */
  readonly listing?: boolean;
  /** Told where Redis is set up so that it may drop results. */
  readonly onWarning?: (message: string) => void;
}

export class RedisBackend extends ResultBackend {
  readonly supports: Supports;
  readonly #connection: RedisConnection;
  readonly #keys: Keys;
  readonly #clock = new StoreClock();
  readonly #onWarning: (message: string) => void;
  #clockReader: NodeJS.Timeout | undefined;
  #hasRunScript = false;

  constructor(connection: RedisConnection, prefix: string, options: RedisBackendOptions = {}) {
    super(options);
    const listing = options.listing ?? true;
    this.supports = { durable: true, shared: true, namespaces: true, listing };
    this.#connection = connection;
    this.#keys = new Keys(prefix);
    this.#onWarning = options.onWarning ?? (() => {});
  }

  /** A backend on what the URL names. Throws `invalid-parameter` where it is not valid. */
  static fromUrl(url: string, options: RedisBackendOptions = {}): RedisBackend {
    const settings = parseRedisUrl(url, options.baseDirectory);
    const connection = connectionOf(settings, options.storeTimeoutMs ?? 2_000);
    return new RedisBackend(connection, settings.prefix, {
      listing: settings.listing,
      ...options,
    });
  }

  protected async _startup(): Promise<void> {
    await this.#connection.open();
    try {
      await this.#readClock();
      await this.#checkEviction();
    } catch (error) {
      await this.#connection.close();
      throw this.#connection.wrap(error);
    }
    this.#clockReader = setInterval(() => {
      this.#readClock().catch(() => {});
    }, READ_CLOCK_EVERY_MS).unref();
  }

  protected async _shutdown(): Promise<void> {
    clearInterval(this.#clockReader);
    await this.#connection.close();
  }

  /**
   * Asks every server that must take writes for one that changes nothing: a replica, or a full
   * store, refuses it. The first time also for a script's, on an id that no task has: who may not
   * run it could write no task.
   */
  protected async _ping(): Promise<void> {
    const probes = this.#connection
      .probes((number) => this.#keys.probe(number))
      .map((key) => this.#wrapped(this.#connection.write('setrange', [key, '0', ''])));
    await Promise.all([...probes, this.#wrapped(this.#readClock())]);
    if (this.#hasRunScript) return;
    await this._execute('default', { kind: 'delete', taskId: '', conditions: {} });
    this.#hasRunScript = true;
  }

  protected async _read(
    namespace: string,
    taskId: string,
    parts: Parts,
  ): Promise<TaskEntry | undefined> {
    const key = this.#keys.task(namespace, taskId);
    const fields = await this.#send('hmget', [key, ...fieldsOf(parts)]);
    const entry = entryOf(fields as Fields, parts);
    if (this.#seemsExpired(entry)) await this.#wrapped(this.#readClock(key));
    return entry;
  }

  /** By one script for many tasks, where their keys may be anywhere. */
  protected override async _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    if (!this.#connection.takesAnyKeys || taskIds.length < FEWEST_BY_SCRIPT) {
      return super._readMany(namespace, taskIds, parts);
    }
    const wanted = fieldsOf(parts);
    const entries: (TaskEntry | undefined)[] = [];
    let left = parts.maxBytes ?? Number.MAX_SAFE_INTEGER;
    while (entries.length < taskIds.length && left > 0) {
      const some = taskIds.slice(entries.length, entries.length + MOST_AT_ONCE);
      const keys = some.map((taskId) => this.#keys.task(namespace, taskId));
      const args = [String(left), ...wanted];
      const found = (await this.#evaluate('send', READ_MANY, keys, args)) as Fields;
      for (let at = 0; at < found.length; at += wanted.length) {
        const entry = entryOf(found, parts, at);
        left -= loadedBytes(entry);
        entries.push(entry);
      }
    }
    if (entries.some((entry) => this.#seemsExpired(entry))) await this.#wrapped(this.#readClock());
    return entries;
  }

  protected async _execute(namespace: string, command: Command): Promise<Reply> {
    const args = argumentsOf(command, this.#keys.channel(namespace));
    const keys = this.#keys.all(namespace, command.taskId);
    // Without its key a script keeps no index.
    if (!this.supports.listing) keys.pop();
    const sentAt = this.#clock.local();
    const script = SCRIPTS[command.kind];
    const answer = (await this.#evaluate('write', script, keys, args)) as Answer;
    this.#clock.observe(sentAt, answer[1], 1);
    return replyOf(answer);
  }

  protected async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#connection.subscribe(this.#keys.channel(namespace), namespace, listener);
  }

  protected override async _list(namespace: string, scan: Scan): Promise<Listed[]> {
    const parts = { ...HEAD_ONLY, maxBytes: scan.maxBytes };
    const listing = new IndexScan(scan, {
      buckets: BUCKETS,
      classes: stateClassesIn(scan),
      readIndex: async (bucket, classes, position, limit) => {
        const key = this.#keys.index(namespace, bucket);
        const args = listArguments(scan, classes, position, limit);
        return ((await this.#evaluate('send', LIST, [key], args)) as IndexPage[]).map(positionsOf);
      },
      readTasks: (taskIds) => this._readMany(namespace, taskIds, parts),
      now: () => this._now(),
    });
    return listing.run();
  }

  protected override async _count(namespace: string): Promise<StateCounts> {
    const counts = Array.from({ length: BUCKETS }, (_, bucket) =>
      this.#evaluate('send', COUNT, [this.#keys.index(namespace, bucket)], []),
    );
    return countsOf(sumOf((await Promise.all(counts)) as number[][]));
  }

  protected override _now(): number {
    return this.#clock.now();
  }

  /** Redis still had it: where it seems expired, it is the clock here that has to be looked at. */
  #seemsExpired(entry: TaskEntry | undefined): boolean {
    return entry !== undefined && entryExpiresAt(entry) <= this._now();
  }

  /** `how`: whether what the script writes is waited for as the connection is told to. */
  async #evaluate(
    how: 'send' | 'write',
    { sha, source }: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#connection[how]('evalsha', [sha, ...rest]);
    } catch (error) {
      if (!isNoScript(error)) throw this.#connection.wrap(error);
      return this.#wrapped(this.#connection[how]('eval', [source, ...rest]));
    }
  }

  /** `near`: a key on the server whose clock is asked; else it is any server's. */
  async #readClock(near?: string): Promise<void> {
    const sentAt = this.#clock.local();
    const [seconds, micros] = (await this.#connection.send('time', [], near)) as Buffer[];
    this.#clock.observe(sentAt, Number(seconds) * 1_000 + Number(micros) / 1_000, 0.001);
  }

  /** CONFIG may be forbidden, or renamed: then nothing can be said. */
  async #checkEviction(): Promise<void> {
    const replies = await Promise.all(
      this.#connection
        .probes((number) => this.#keys.probe(number))
        .map((key) =>
          this.#connection.send('config', ['GET', 'maxmemory-policy'], key).catch(() => []),
        ),
    );
    const policies = replies.map((reply) => String((reply as Buffer[])[1] ?? 'noeviction'));
    const policy = policies.find((policy) => policy !== 'noeviction');
    if (policy === undefined) return;
    this.#onWarning(
      `Redis has maxmemory-policy ${policy}: when it is full it drops results that have not ` +
        'expired. Set it to noeviction',
    );
  }

  #send(name: string, args: Argument[]): Promise<unknown> {
    return this.#wrapped(this.#connection.send(name, args));
  }

  async #wrapped<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw this.#connection.wrap(error);
    }
  }
}
