/**
 * The connections to a remote resultd, and one request on one of them.
 *
 * Those for calls are few and kept open. Requests that the service holds for long (waits, events)
 * have their own, as many as there are at the time: one that had to queue would not be waiting at
 * all, and none of them keeps a call from its turn.
 */
import { type Dispatcher, Pool } from 'undici';
import { storeUnavailable } from '../../errors.js';
import type { RemoteSettings } from './http-url.js';

export interface RemoteRequest {
  readonly method: Dispatcher.HttpMethod;
  /** Behind the base path, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body?: readonly Buffer[];
  /** The statuses that are answers; any other is an error. */
  readonly expected: readonly number[];
  /** Whether it changes something, which an error of it has to tell of. Default: false. */
  readonly isWrite?: boolean;
  /** Whether it may be sent again where it may have been carried out. Default: true. */
  readonly isRepeatable?: boolean;
}

export interface RemoteAnswer {
  readonly status: number;
  /** A header by its lower-case name. */
  header(name: string): string | undefined;
  readonly body: Buffer;
  /** An earlier try of this request may have been carried out. */
  readonly mayHaveBeenDone: boolean;
}

export interface SendOptions {
  /** How long the answer may take to begin, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it may then pause. Default: the same, and a second at least. */
  readonly idleMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a request is: a call, or one that the service holds. */
export type Kind = 'call' | 'parked';

/** No answer has begun in time. */
export class NoAnswer extends Error {
  readonly code = 'NO_ANSWER';
}

/** How many calls run at a time. */
export const CALL_CONNECTIONS = 64;
const CONNECT_MS = 5_000;

export class RemoteConnections {
  readonly #settings: RemoteSettings;
  readonly #pools = new Map<Kind, Pool>();
  /** Pools that finish what runs on them. */
  readonly #leaving = new Set<Pool>();

  constructor(settings: RemoteSettings) {
    this.#settings = settings;
  }

  open(): void {
    for (const kind of ['call', 'parked'] as const) this.#pools.set(kind, this.#pool(kind));
  }

  /** Ends every connection; what runs on them fails. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values(), ...this.#leaving];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  /**
   * The head of the answer, and its body as it comes. Rejects with what the connection failed with,
   * or with `NoAnswer`.
   */
  async send(
    kind: Kind,
    { method, path, headers, body }: RemoteRequest,
    { timeoutMs, idleMs = Math.max(1_000, timeoutMs), signal }: SendOptions,
  ): Promise<Dispatcher.ResponseData> {
    const { basePath, authorization } = this.#settings;
    const pool = this.#pools.get(kind);
    if (pool === undefined) throw storeUnavailable('the connection to the resultd is not open');
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    // Not the client's own time-out, which begins when the request has a connection.
    const timer = setTimeout(() => abort.abort(new NoAnswer()), Math.max(1, timeoutMs));
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp);
    const forget = (): void => signal?.removeEventListener('abort', giveUp);
    try {
      const response = await pool.request({
        method,
        path: basePath + path,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-length': String(sizeOf(body)) }),
          ...headers,
        },
        body: contentOf(body),
        signal: abort.signal,
        headersTimeout: 0,
        bodyTimeout: idleMs,
      });
      response.body.once('close', forget);
      return response;
    } catch (error) {
      forget();
      if (error instanceof NoAnswer) this.#renew(kind, pool);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Where one connection is dead without saying so, the others may be, too (a machine that went, a
   * firewall that forgot): the next request makes its own.
   */
  #renew(kind: Kind, pool: Pool): void {
    if (this.#pools.get(kind) !== pool) return;
    this.#pools.set(kind, this.#pool(kind));
    this.#leaving.add(pool);
    pool.close().then(
      () => this.#leaving.delete(pool),
      () => {},
    );
  }

  #pool(kind: Kind): Pool {
    const { origin, ca } = this.#settings;
    return new Pool(origin, {
      connections: kind === 'call' ? CALL_CONNECTIONS : null,
      pipelining: 1,
      connect: { timeout: CONNECT_MS, ...(ca === undefined ? {} : { ca: [...ca] }) },
      headersTimeout: 0,
    });
  }
}

/** The bytes of all parts. */
export function sizeOf(body: readonly Buffer[] | undefined): number {
  return body?.reduce((size, { length }) => size + length, 0) ?? 0;
}

function contentOf(body: readonly Buffer[] | undefined): Buffer | null {
  if (body === undefined) return null;
  if (body.length === 1) return body[0]!;
  // The client takes any iterable of bytes; its types name streams only.
  return body as unknown as Buffer;
}
