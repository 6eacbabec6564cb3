/**
 * Hints from PostgreSQL, over a connection of their own: a pooler shares connections between
 * statements, and would take this one away.
 *
 * The connection is live once LISTEN is acknowledged. After it was made anew, and only when that is
 * acknowledged, the listeners are told that they may have missed some. A regular question finds a
 * connection that has gone silent, and a first hint, sent by another one, a pooler that keeps them.
 */
import { randomUUID } from 'node:crypto';
import { invalidParameter } from '../../errors.js';
import { Listeners } from '../../result-backend/listeners.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import type { PostgresConnection } from './postgres-connection.js';
import { type LinkOptions, PostgresLink } from './postgres-link.js';

const HEARTBEAT_EVERY_MS = 5_000;
const DEAF =
  'PostgreSQL takes LISTEN, but its notifications do not arrive here, as behind a pooler: give listen ' +
  'in the URL, a URL of the server itself';
const HEARTBEAT = { name: 'resultd_heartbeat', text: 'select 1' };

export class HintListener {
  readonly #options: LinkOptions;
  readonly #channel: string;
  readonly #notify: (payload: string) => Promise<unknown>;
  readonly #listeners = new Listeners();
  #onProbe: (payload: string) => void = () => {};
  #opening: Promise<PostgresLink> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  /** `notify` sends a notification by any other connection. */
  constructor(
    channel: string,
    notify: (payload: string) => Promise<unknown>,
    options: LinkOptions,
  ) {
    this.#channel = channel;
    this.#notify = notify;
    this.#options = options;
  }

  /** Resolves once hints of this namespace are heard. Throws `store-unavailable`. */
  async subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    const link = await this.#open();
    const leave = this.#listeners.add(namespace, listener);
    try {
      await link.run(HEARTBEAT, []);
    } catch (error) {
      await leave();
      throw error;
    }
    return leave;
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#listeners.clear();
    const link = await this.#opening?.catch(() => undefined);
    await link?.close();
  }

  #open(): Promise<PostgresLink> {
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #connect(): Promise<PostgresLink> {
    let isFirst = true;
    const link = new PostgresLink({
      ...this.#options,
      onNotification: (payload) => this.#deliver(payload),
      onConnect: async (connection) => {
        await this.#listen(connection);
        if (isFirst) await this.#checkHearing();
        else this.#listeners.lose();
        isFirst = false;
      },
    });
    await link.open();
    this.#heartbeat = setInterval(() => {
      // One that is not answered in time ends the connection.
      if (link.isReady) link.run(HEARTBEAT, []).catch(() => {});
    }, HEARTBEAT_EVERY_MS).unref();
    return link;
  }

  async #listen(connection: PostgresConnection): Promise<void> {
    await connection.run({ name: '', text: `listen "${this.#channel}"` }, []);
  }

  /** A pooler takes LISTEN without complaint, and keeps what comes of it. */
  async #checkHearing(): Promise<void> {
    const probe = ` ${randomUUID()}`;
    let late: NodeJS.Timeout | undefined;
    const heard = new Promise<void>((resolve, reject) => {
      this.#onProbe = (payload) => payload === probe && resolve();
      late = setTimeout(() => reject(invalidParameter(DEAF)), this.#options.timeoutMs);
    });
    try {
      await Promise.all([heard, this.#notify(probe)]);
    } finally {
      clearTimeout(late);
    }
  }

  /** `<namespace> <version> <id> <version> <id> …`, a version of `-` where the task has gone. */
  #deliver(payload: string): void {
    const [namespace = '', ...words] = payload.split(' ');
    if (namespace === '') this.#onProbe(payload);
    for (let at = 0; at + 1 < words.length; at += 2) {
      const version = words[at] === '-' ? null : words[at]!;
      this.#listeners.tell(namespace, words[at + 1]!, version);
    }
  }
}
