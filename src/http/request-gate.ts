/**
 * Lets so many requests of a kind run at once, and holds a bounded number of others in a queue. It
 * is for requests that cost much each: all at once they would take the memory and the time of others.
 */
import type { ServerResponse } from 'node:http';
import { overloaded } from '../errors.js';
import { Gate } from '../timing.js';

interface RequestGateOptions {
  /** What the requests are, as an error says it: `lists and counts`. */
  readonly what: string;
  /** How many run at once. */
  readonly atOnce: number;
  /** How many more may wait for that; beyond it they are `overloaded`. */
  readonly queued: number;
}

export class RequestGate {
  readonly #options: RequestGateOptions;
  readonly #gate: Gate;

  constructor(options: RequestGateOptions) {
    this.#options = options;
    this.#gate = new Gate(options.atOnce);
  }

  /**
   * Does the work of a request when there is room. Throws `overloaded` where the queue is full. Where
   * the client goes before its turn, nothing is done, and the promise never settles.
   */
  async run<T>(response: ServerResponse, work: () => Promise<T>): Promise<T> {
    const { what, atOnce, queued } = this.#options;
    if (!this.#gate.hasRoom && this.#gate.queued >= queued) {
      throw overloaded(
        `${atOnce + queued} requests for ${what} are here already, which is the limit: try again ` +
          'later, or ask another replica',
      );
    }
    await this.#gate.enter((giveUp) => response.once('close', giveUp));
    try {
      return await work();
    } finally {
      // What the work made goes out first, and who has gone meanwhile is found out.
      setImmediate(() => this.#gate.leave());
    }
  }
}
