/**
 * One connection of the client, from its start to its end.
 *
 * Statements are pipelined: one does not wait for the answer to the one before. When the server has
 * been silent for most of a statement's time it is told to cancel it; when for all of it, the
 * connection is dropped, and what was under way on it has failed.
 */
import { Socket } from 'node:net';
import { Client, type ClientConfig, DatabaseError } from 'pg';
import { type BackendKey, requestCancel } from './cancel-request.js';
import { ConnectionLost, StatementTimeout } from './postgres-errors.js';
import type { PostgresAddress } from './postgres-url.js';

/** One statement, by the name that it is prepared under. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export type Value = string | number | Buffer | null | readonly (string | null)[];
/** A row as PostgreSQL writes its values. */
export type Row = readonly (string | null)[];

export interface ConnectionOptions {
  readonly address: PostgresAddress;
  /** How long connecting may take, and a statement, unless it says otherwise. */
  readonly timeoutMs: number;
  /** Whether statements are prepared. */
  readonly isPreparing: boolean;
  /** Told of each notification. */
  readonly onNotification?: (payload: string) => void;
}

/** After so much of its time a statement is cancelled: the rest is for the server to say so. */
const CANCEL_AFTER = 0.75;
/** How long an orderly goodbye may take. */
const GOODBYE_MS = 200;
const KEEP_ALIVE_AFTER_MS = 10_000;

const AS_TEXT = { getTypeParser: () => (text: string) => text } as NonNullable<
  ClientConfig['types']
>;

export class PostgresConnection {
  readonly #options: ConnectionOptions;
  readonly #socket = new Socket();
  readonly #client: Client;
  /** Why it ended, or is about to. */
  #end: unknown;
  #isOpen = false;

  /** `onLost` is told why an open connection has ended, unless it was closed. */
  constructor(options: ConnectionOptions, onLost: (error: unknown) => void) {
    this.#options = options;
    this.#client = new Client({ ...clientOptions(options), stream: () => this.#socket });
    this.#client.on('error', (error) => {
      this.#end ??= new ConnectionLost(error);
    });
    this.#client.on('notification', ({ payload = '' }) => options.onNotification?.(payload));
    this.#client.once('end', () => {
      const wasOpen = this.#isOpen;
      this.#isOpen = false;
      if (wasOpen) onLost(this.#end ?? new ConnectionLost(undefined));
    });
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#end === undefined;
  }

  /** Throws the client's error, and leaves nothing open. */
  async open(): Promise<void> {
    try {
      await this.#client.connect();
      this.#isOpen = true;
    } catch (error) {
      this.#socket.destroy();
      throw error;
    }
  }

  /** Runs one statement and gives its rows. Throws the client's error: see `postgres-errors.ts`. */
  async run(
    { name, text }: Statement,
    values: readonly Value[],
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<Row[]> {
    const unwatch = this.#watch(timeoutMs);
    try {
      const { rows } = await this.#client.query<(string | null)[]>({
        ...(this.#options.isPreparing ? { name } : {}),
        text,
        values: values as unknown[],
        rowMode: 'array',
        types: AS_TEXT,
      });
      return rows;
    } catch (error) {
      if (error instanceof DatabaseError && error.severity !== 'FATAL') throw error;
      throw this.#end ?? new ConnectionLost(error);
    } finally {
      unwatch();
    }
  }

  /** Ends it at once, for this reason. */
  drop(error: unknown): void {
    this.#end ??= error;
    this.#socket.destroy();
  }

  /** Ends it in order; what is under way is not waited for. */
  async close(): Promise<void> {
    this.#isOpen = false;
    const late = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    await this.#client.end();
    clearTimeout(late);
  }

  /** Looks after a statement's time until the function that it gives is called. */
  #watch(timeoutMs: number): () => void {
    let read = this.#socket.bytesRead;
    let isCancelled = false;
    let isOver = false;
    const lookIn = (ms: number): NodeJS.Timeout =>
      // What has come while this process was busy is read before it is looked at.
      setTimeout(() => setImmediate(() => !isOver && look()), ms);
    const look = (): void => {
      if (this.#socket.bytesRead > read) {
        read = this.#socket.bytesRead;
        timer = lookIn(timeoutMs * CANCEL_AFTER);
      } else if (isCancelled) {
        this.drop(new StatementTimeout());
      } else {
        isCancelled = true;
        this.#cancel(timeoutMs);
        timer = lookIn(timeoutMs * (1 - CANCEL_AFTER));
      }
    };
    let timer = lookIn(timeoutMs * CANCEL_AFTER);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }

  #cancel(timeoutMs: number): void {
    // The types leave them out.
    const { processID, secretKey } = this.#client as unknown as Record<string, number>;
    const key: BackendKey = { processId: processID!, secretKey: secretKey! };
    requestCancel(this.#options.address, key, timeoutMs);
  }
}

function clientOptions({ address, timeoutMs }: ConnectionOptions): ClientConfig {
  const { tls, password, ...place } = address;
  return {
    ...place,
    // One that is not there would be looked for in the environment and in files.
    password: () => password ?? '',
    ssl: tls ?? false,
    application_name: 'resultd',
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    pipeline: true,
  };
}
