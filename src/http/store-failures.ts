/**
 * Requests that the store could not be asked for. Clients are told that, and to try again; why, with the
 * store's address and its own words, is for the operator: one line in the log when it begins, and then no
 * more than one in a while, however many requests there are.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { ResultdError } from '../errors.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly storeFailures: StoreFailures;
  }
}

const ONE_LINE_IN_MS = 10_000;

export class StoreFailures {
  readonly #log: FastifyBaseLogger;
  #saidAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
  }

  /** Takes any error; those of a store that could not be asked are logged. */
  note(error: ResultdError): void {
    if (error.code !== 'store-unavailable' || error.cause === undefined) return;
    const now = performance.now();
    if (now - this.#saidAt < ONE_LINE_IN_MS) {
      this.#unsaid += 1;
      return;
    }
    this.#log.error({ err: error, before: this.#unsaid }, 'the store could not be asked');
    this.#saidAt = now;
    this.#unsaid = 0;
  }
}
