/**
 * Answers that are large, and in memory until their clients have read them: a bounded number of bytes
 * of them at once. Beyond it a read whose answer is large is refused, while small ones and all writes
 * go on; and a connection whose client does not read at all is cut.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { overloaded } from '../errors.js';

interface LargeAnswersOptions {
  /** How many bytes there may be at once; one answer of any size is given. */
  readonly maxBytes: number;
  /** How long an answer may not be read before its connection is cut, in milliseconds. */
  readonly stallMs: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly largeAnswers: LargeAnswers;
  }
}

/** Smaller ones are not counted: the connection itself takes them. */
const LARGE_BYTES = 64 * 1_024;

export class LargeAnswers {
  readonly #options: LargeAnswersOptions;
  #bytes = 0;

  constructor(options: LargeAnswersOptions) {
    this.#options = options;
  }

  /**
   * Counts an answer that is about to be sent; false where it is small. Throws `overloaded` where there is no room for it; not
   * after a write, which is done, and whose client has to know that.
   */
  hold({ request, raw }: FastifyReply, bytes: number, isRead = request.method === 'GET'): boolean {
    if (bytes < LARGE_BYTES || request.method === 'HEAD') return false;
    const { maxBytes, stallMs } = this.#options;
    if (isRead && this.#bytes > 0 && this.#bytes + bytes > maxBytes) {
      throw overloaded(
        `${this.#bytes} bytes of large answers are on their way to their clients, and ${maxBytes} is ` +
          'the limit: try again later, or ask another replica',
      );
    }
    this.#bytes += bytes;
    raw.once('close', () => {
      this.#bytes -= bytes;
    });
    cutWhenStalled(raw, stallMs);
    return true;
  }
}

/** Has Node end the connection where nothing of this answer is taken for so long. */
export function cutWhenStalled(response: ServerResponse, stallMs: number): void {
  const { socket } = response;
  if (socket === null) {
    // Others of its connection are before it.
    response.once('socket', () => cutWhenStalled(response, stallMs));
    return;
  }
  socket.setTimeout(stallMs);
  // Before Node sets the time for the next request; one that is there already may well wait longer.
  response.prependOnceListener('finish', () => socket.setTimeout(0));
}
