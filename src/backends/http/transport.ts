/**
 * Requests to a remote resultd: connections that are kept, and tries until a deadline.
 *
 * A request is tried again where it did not reach the service, where its answer was lost, and where
 * the service is not ready for it (429, 502, 503, 504). A request that may have been carried out
 * before its answer was lost says so in the next answer: `mayHaveBeenDone`.
 */
import { type Dispatcher, Pool } from 'undici';
import { ResultdError, storeUnavailable } from '../../errors.js';
import { backOff, pause, retryAfterMs } from './back-off.js';
import { Gate } from './gate.js';
import type { RemoteSettings } from './http-url.js';
import { errorOf, isHopeless, reasonOf, wasSent } from './remote-errors.js';

export interface RemoteRequest {
  readonly method: Dispatcher.HttpMethod;
  /** Behind the base path, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body?: readonly Buffer[];
  /** The statuses that are answers; any other is an error. */
  readonly expected: readonly number[];
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

/** One try. */
export interface TryOptions {
  /** How long the answer may take to begin, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it may then pause. Default: the same. */
  readonly idleMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const RETRIED = [429, 502, 503, 504];
/** Connections for calls. Requests that are held by the service for long have their own. */
const CALL_CONNECTIONS = 64;
/** A large body is given a second more for each so many bytes. */
const BYTES_PER_SECOND = 1_024 * 1_024;
const CONNECT_MS = 5_000;

export class Transport {
  readonly settings: RemoteSettings;
  /** How long a call may take, its retries included, in milliseconds. */
  readonly timeoutMs: number;
  #calls: Pool | undefined;
  #parked: Pool | undefined;
  readonly #gate: Gate;

  constructor(settings: RemoteSettings, timeoutMs: number) {
    this.settings = settings;
    this.timeoutMs = timeoutMs;
    this.#gate = new Gate(CALL_CONNECTIONS, timeoutMs);
  }

  open(): void {
    this.#calls = this.#pool({ connections: CALL_CONNECTIONS });
    // As many as are held at the time: one that had to queue would not be waiting at all.
    this.#parked = this.#pool({ connections: null });
  }

  /** Ends every connection; what runs on them fails. */
  async close(): Promise<void> {
    await Promise.all([this.#calls?.destroy(), this.#parked?.destroy()]);
  }

  /**
   * The answer to a request, whose status is one of the expected ones. Throws what the service
   * refused it with, or `store-unavailable` where it could not be asked until the deadline.
   */
  async call(request: RemoteRequest): Promise<RemoteAnswer> {
    if (!(await this.#gate.enter())) throw this.unavailable(new Error('it answers nobody'));
    let isAnswered = false;
    try {
      const answer = await this.#untilAnswered(request);
      isAnswered = true;
      return answer;
    } catch (error) {
      isAnswered = !(error instanceof ResultdError && error.code === 'store-unavailable');
      throw error;
    } finally {
      this.#gate.leave(isAnswered);
    }
  }

  async #untilAnswered(request: RemoteRequest): Promise<RemoteAnswer> {
    const { isRepeatable = true, expected } = request;
    const size = sizeOf(request.body);
    const totalMs = this.timeoutMs + (size / BYTES_PER_SECOND) * 1_000;
    const deadline = performance.now() + totalMs;
    let mayHaveBeenDone = false;
    let hasTimedOut = false;
    for (let tries = 1; ; tries += 1) {
      const leftMs: number = deadline - performance.now();
      // The first that gets no answer leaves time for another connection, where this one is dead.
      const timeoutMs: number = hasTimedOut ? leftMs : Math.min(leftMs, totalMs / 2);
      let failure: ResultdError;
      let waitMs = backOff(tries);
      try {
        const answer = await this.try(request, { timeoutMs });
        if (expected.includes(answer.status)) return { ...answer, mayHaveBeenDone };
        failure = errorOf(answer, this.settings.shown);
        if (!RETRIED.includes(answer.status)) throw failure;
        waitMs = Math.max(waitMs, retryAfterMs(answer.header('retry-after')) ?? 0);
        // A 429 was not carried out; of the others one cannot know.
        mayHaveBeenDone ||= answer.status !== 429;
      } catch (error) {
        if (error instanceof ResultdError) throw error;
        failure = this.unavailable(error);
        if (isHopeless(error)) throw failure;
        hasTimedOut ||= performance.now() + 5 >= deadline - leftMs + timeoutMs;
        mayHaveBeenDone ||= wasSent(error);
      }
      const isOver = performance.now() + waitMs >= deadline;
      if (isOver || (mayHaveBeenDone && !isRepeatable)) {
        throw mayHaveBeenDone && request.method !== 'GET' ? afterLostAnswer(failure) : failure;
      }
      await pause(waitMs, undefined);
    }
  }

  /** One try, whatever its answer. Rejects with what the connection failed with. */
  async try(request: RemoteRequest, options: TryOptions): Promise<RemoteAnswer> {
    const response = await this.#dispatch(this.#running(this.#calls), request, options);
    return readAnswer(response);
  }

  /** One try that the service may hold for long. */
  async park(request: RemoteRequest, options: TryOptions): Promise<RemoteAnswer> {
    const response = await this.#dispatch(this.#running(this.#parked), request, options);
    return readAnswer(response);
  }

  /** The parts of an answer that goes on until it is ended. Throws where it is another than 200. */
  async stream(request: RemoteRequest, options: TryOptions): Promise<AsyncIterable<Buffer>> {
    const response = await this.#dispatch(this.#running(this.#parked), request, options);
    if (response.statusCode === 200) return response.body;
    throw errorOf(await readAnswer(response), this.settings.shown);
  }

  /** What a connection failed with, as an error of this package. */
  unavailable(error: unknown): ResultdError {
    if (error instanceof ResultdError) return error;
    return storeUnavailable(`the resultd at ${this.settings.shown}: ${reasonOf(error)}`, error);
  }

  async #dispatch(
    pool: Pool,
    { method, path, headers, body }: RemoteRequest,
    { timeoutMs, idleMs = Math.max(1_000, timeoutMs), signal }: TryOptions,
  ): Promise<Dispatcher.ResponseData> {
    const { basePath, authorization } = this.settings;
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    // Not the client's own time-out, which begins when the request has a connection.
    const timer = setTimeout(giveUp, Math.max(1, timeoutMs));
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp);
    try {
      const response = await pool.request({
        method,
        path: basePath + path,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-length': String(sizeOf(body)) }),
          ...headers,
        },
        body: body === undefined ? null : body.length === 1 ? body[0]! : (body as never),
        signal: abort.signal,
        headersTimeout: 0,
        bodyTimeout: idleMs,
      });
      response.body.once('close', () => signal?.removeEventListener('abort', giveUp));
      return response;
    } catch (error) {
      signal?.removeEventListener('abort', giveUp);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #pool(options: Pool.Options): Pool {
    const { origin, ca } = this.settings;
    return new Pool(origin, {
      ...options,
      pipelining: 1,
      connect: { timeout: CONNECT_MS, ...(ca === undefined ? {} : { ca: [...ca] }) },
      headersTimeout: 0,
    });
  }

  #running(pool: Pool | undefined): Pool {
    if (pool === undefined) throw storeUnavailable('the connection to the resultd is not open');
    return pool;
  }
}

async function readAnswer({
  statusCode,
  headers,
  body,
}: Dispatcher.ResponseData): Promise<RemoteAnswer> {
  const bytes = await readBody(body, Number(headers['content-length']));
  return {
    status: statusCode,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: bytes,
    mayHaveBeenDone: false,
  };
}

/** The body in one piece; where its length is known, each part is copied to its place as it comes. */
async function readBody(body: AsyncIterable<Buffer>, length: number): Promise<Buffer> {
  if (!Number.isSafeInteger(length)) {
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts);
  }
  let whole: Buffer | undefined;
  let at = 0;
  for await (const part of body) {
    if (part.length === length) return part;
    whole ??= Buffer.allocUnsafe(length);
    at += part.copy(whole, at);
  }
  return whole?.subarray(0, at) ?? Buffer.alloc(0);
}

function sizeOf(body: readonly Buffer[] | undefined): number {
  return body?.reduce((size, { length }) => size + length, 0) ?? 0;
}

function afterLostAnswer(failure: ResultdError): ResultdError {
  if (failure.code !== 'store-unavailable') return failure;
  return storeUnavailable(
    `${failure.message}; what was asked may yet have been done`,
    failure.cause,
  );
}
