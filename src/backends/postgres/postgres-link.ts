/**
 * A connection to PostgreSQL that is kept: when it is lost it is made anew, again and again.
 *
 * Without a connection a statement fails at once. Only while the first attempt after a loss is under
 * way is there hope, which those who can wait may wait for: an administrator or a pooler may have
 * ended an idle connection. Of a server that has gone silent there is none.
 */
import { Backoff } from '../../timing.js';
import {
  type ConnectionOptions,
  PostgresConnection,
  type Row,
  type Statement,
  type Value,
} from './postgres-connection.js';
import { StatementTimeout, wrapped } from './postgres-errors.js';

export interface LinkOptions extends ConnectionOptions {
  /** Carried out on each new connection before anybody else may use it. */
  readonly onConnect?: (connection: PostgresConnection) => Promise<void>;
}

const LONGEST_PAUSE_MS = 1_000;

export class PostgresLink {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  #connection: PostgresConnection | undefined;
  #lastError: unknown;
  #hope: Promise<void> | undefined;
  #running = 0;
  #isReady = false;
  #isOpen = false;
  #isRegaining = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** How many statements are under way. */
  get running(): number {
    return this.#running;
  }

  /** Resolves when the attempt that there is hope in is over; undefined where there is none. */
  get hope(): Promise<void> | undefined {
    return this.#hope;
  }

  /** Connects, or throws `store-unavailable` and leaves nothing open. */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      throw this.#wrapped(error);
    }
    this.#isOpen = true;
    if (!this.#isReady) this.#regain();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#isReady = false;
    this.#closing.abort();
    await this.#connection?.close();
  }

  /** Runs one statement and gives its rows. Throws `store-unavailable`. */
  async run(statement: Statement, values: readonly Value[], timeoutMs?: number): Promise<Row[]> {
    if (!this.#isReady) throw this.#wrapped(this.#lastError);
    this.#running += 1;
    try {
      return await this.#connection!.run(statement, values, timeoutMs);
    } catch (error) {
      throw this.#wrapped(error);
    } finally {
      this.#running -= 1;
    }
  }

  #wrapped(error: unknown): Error {
    return wrapped(error, this.#options.address);
  }

  async #connect(): Promise<void> {
    const connection = new PostgresConnection(this.#options, (error) => this.#lose(error));
    this.#connection = connection;
    await connection.open();
    try {
      await this.#options.onConnect?.(connection);
    } catch (error) {
      connection.drop(error);
      throw error;
    }
    this.#isReady = connection.isOpen;
    this.#backoff.reset();
  }

  #lose(error: unknown): void {
    this.#isReady = false;
    this.#lastError = error;
    if (this.#isOpen && !this.#isRegaining) this.#regain();
  }

  #regain(): void {
    this.#isRegaining = true;
    const first = this.#attempt();
    if (!(this.#lastError instanceof StatementTimeout)) this.#hope = first;
    void this.#goOn(first);
  }

  async #goOn(first: Promise<void>): Promise<void> {
    await first;
    this.#hope = undefined;
    while (this.#isOpen && !this.#isReady) {
      await this.#backoff.pause(LONGEST_PAUSE_MS, this.#closing.signal).catch(() => {});
      if (this.#isOpen) await this.#attempt();
    }
    this.#isRegaining = false;
  }

  async #attempt(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#lastError = error;
    }
  }

  readonly #backoff = new Backoff(LONGEST_PAUSE_MS);
}
