/**
 * Hints from PostgreSQL, over a connection of their own: a pooler shares connections between
 * statements, and would take this one away.
 *
 * The connection is live once LISTEN is acknowledged. After it was made anew, and only when that is
 * acknowledged, the listeners are told that they may have missed some. A regular question finds a
 * connection that has gone silent.
 */
import { Listeners } from '../../result-backend/listeners.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import type { PostgresConnection } from './postgres-connection.js';
import { type LinkOptions, PostgresLink } from './postgres-link.js';

const HEARTBEAT_EVERY_MS = 5_000;
const HEARTBEAT = { name: 'resultd_heartbeat', text: 'select 1' };

export class HintListener {
  readonly #options: LinkOptions;
  readonly #channel: string;
  readonly #listeners = new Listeners();
  #opening: Promise<PostgresLink> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(channel: string, options: LinkOptions) {
    this.#channel = channel;
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
        if (!isFirst) this.#listeners.lose();
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

  /** `<namespace> <version> <id> <version> <id> …`, a version of `-` where the task has gone. */
  #deliver(payload: string): void {
    const [namespace = '', ...words] = payload.split(' ');
    for (let at = 0; at + 1 < words.length; at += 2) {
      const version = words[at] === '-' ? null : words[at]!;
      this.#listeners.tell(namespace, words[at + 1]!, version);
    }
  }
}
