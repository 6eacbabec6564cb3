/**
 * Requests to a remote resultd: connections that are kept, and tries until a deadline.
 *
 * A request is tried again where it did not reach the service, where its answer was lost, and where
 * the service is not ready for it (429, 502, 503, 504). A request that may have been carried out
 * before its answer was lost says so in the next answer: `mayHaveBeenDone`.
 */
import type { Dispatcher } from 'undici';
import { ResultdError, storeUnavailable } from '../../errors.js';
import { JSON_TYPE } from '../../record/outcome.js';
import { Backoff, Gate, pause } from '../../timing.js';
import type { RemoteSettings } from './http-url.js';
import {
  CALL_CONNECTIONS,
  NoAnswer,
  type RemoteAnswer,
  RemoteConnections,
  type RemoteRequest,
  type SendOptions,
  sizeOf,
} from './remote-connections.js';
import { errorOf, isHopeless, isRetried, mayBeDone, reasonOf, wasSent } from './remote-errors.js';

/** A large body is given a second more for each so many bytes. */
const BYTES_PER_SECOND = 1_024 * 1_024;

export class Transport {
  readonly settings: RemoteSettings;
  /** How long a call may take, its retries included, in milliseconds. */
  readonly timeoutMs: number;
  readonly #connections: RemoteConnections;
  /** A call's time begins when it is let through: the last of thousands has as much as the first. */
  readonly #gate = new Gate(CALL_CONNECTIONS);
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(settings: RemoteSettings, timeoutMs: number) {
    this.settings = settings;
    this.timeoutMs = timeoutMs;
    this.#connections = new RemoteConnections(settings);
  }

  open(): void {
    this.#connections.open();
  }

  /** Ends every connection; what runs on them fails. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  /**
   * The answer to a request, whose status is one of the expected ones. Throws what the service
   * refused it with, or `store-unavailable` where it could not be asked until the deadline.
   */
  async call(request: RemoteRequest): Promise<RemoteAnswer> {
    if (!(await this.#gate.enter())) throw this.unavailable(new NoAnswer());
    let isAnswered = false;
    try {
      const answer = await this.#untilAnswered(request);
      isAnswered = true;
      return answer;
    } catch (error) {
      isAnswered = !(error instanceof ResultdError && error.code === 'store-unavailable');
      throw error;
    } finally {
      this.#leave(isAnswered);
    }
  }

  /** Where nobody is answered any more, those who queue are sent away together. */
  #leave(isAnswered: boolean): void {
    const now = performance.now();
    if (isAnswered) this.#answeredAt = now;
    else if (now - this.#answeredAt >= this.timeoutMs) this.#gate.refuse(now - this.timeoutMs);
    this.#gate.leave();
  }

  async #untilAnswered(request: RemoteRequest): Promise<RemoteAnswer> {
    const { isRepeatable = true, isWrite = false } = request;
    const size = sizeOf(request.body);
    const totalMs = this.timeoutMs + (size / BYTES_PER_SECOND) * 1_000;
    const deadline = performance.now() + totalMs;
    let mayHaveBeenDone = false;
    let hasTimedOut = false;
    const backoff = new Backoff();
    for (;;) {
      const leftMs: number = deadline - performance.now();
      // The first that gets no answer leaves time for a new connection, where this one is dead.
      const timeoutMs: number = hasTimedOut ? leftMs : Math.min(leftMs, totalMs / 2);
      let failure: ResultdError;
      let waitMs = backoff.next();
      try {
        const answer = await readAnswer(
          await this.#connections.send('call', request, { timeoutMs }),
        );
        if (isExpected(answer, request)) return { ...answer, mayHaveBeenDone };
        failure = errorOf(answer, this.settings.shown);
        if (!isRetried(answer.status)) throw failure;
        waitMs = Math.max(waitMs, failure.retryAfterMs ?? 0);
        mayHaveBeenDone ||= mayBeDone(answer);
      } catch (error) {
        if (error instanceof ResultdError) throw error;
        failure = this.unavailable(error);
        if (isHopeless(error)) throw failure;
        hasTimedOut ||= error instanceof NoAnswer;
        mayHaveBeenDone ||= wasSent(error);
      }
      const isOver = performance.now() + waitMs >= deadline;
      if (isOver || (mayHaveBeenDone && !isRepeatable)) {
        throw mayHaveBeenDone && isWrite ? afterLostAnswer(failure) : failure;
      }
      await pause(waitMs);
    }
  }

  /** The answer to one try, which the service may hold for `waitMs`. Throws as `call` does. */
  async park(request: RemoteRequest, waitMs: number, signal: AbortSignal): Promise<RemoteAnswer> {
    const timeoutMs = waitMs + this.timeoutMs;
    try {
      const answer = await readAnswer(
        await this.#connections.send('parked', request, { timeoutMs, signal }),
      );
      if (isExpected(answer, request)) return answer;
      throw errorOf(answer, this.settings.shown);
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  /**
   * The parts of an answer that goes on until it is ended. Throws what the service refuses it with,
   * or `NotReady`.
   */
  async stream(request: RemoteRequest, options: SendOptions): Promise<AsyncIterable<Buffer>> {
    const response = await this.#connections.send('parked', request, options);
    const { statusCode, headers, body } = response;
    const isStream = String(headers['content-type']).startsWith('text/event-stream');
    if (statusCode === 200 && isStream) return body;
    const answer = await readAnswer(response);
    const failure = errorOf(answer, this.settings.shown);
    throw isRetried(answer.status) ? new NotReady(failure) : failure;
  }

  /** What a connection failed with, as an error of this package. */
  unavailable(error: unknown): ResultdError {
    if (error instanceof ResultdError) return error;
    if (error instanceof NotReady) return error.failure;
    return storeUnavailable(`the resultd at ${this.settings.shown}: ${reasonOf(error)}`, error);
  }
}

/** The service, or something in front of it, is not ready for a request. */
class NotReady extends Error {
  readonly failure: ResultdError;

  constructor(failure: ResultdError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Whether an answer is one that its request has asked for, and what a resultd would send. */
function isExpected(answer: RemoteAnswer, { expected }: RemoteRequest): boolean {
  const { status } = answer;
  if (!expected.includes(status)) return false;
  if (status !== 200 && status !== 201) return true;
  return answer.header('content-type')?.startsWith(JSON_TYPE) === true;
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

function afterLostAnswer(failure: ResultdError): ResultdError {
  if (failure.code !== 'store-unavailable') return failure;
  return storeUnavailable(
    `${failure.message}; what was asked may yet have been done`,
    failure.cause,
  );
}
