/**
 * Lets so many requests of a kind run at once, and holds a bounded number of others in a queue. It
 * is for requests that cost much each: all at once they would take the memory and the time of others.
 */
import type { ServerResponse } from 'node:http';
import { overloaded } from '../errors.js';
import { Gate, ownTurn, pause } from '../timing.js';
import { park, unpark } from './parked-requests.js';

interface RequestGateOptions {
  /** What the requests are, as an error says it: `lists and counts`. */
  readonly what: string;
  /** How many run at once. */
  readonly atOnce: number;
  /** How many more may wait for that; beyond it they are `overloaded`. */
  readonly queued: number;
}

/**
 * Who is refused is told so after a while: a client that asks again at once, on many connections, would
 * have the service do nothing but refuse. Beyond so many it is told at once, since each takes memory.
 */
const REFUSED_AFTER_MS = 1_000;
const MOST_REFUSED = 4_096;

export class RequestGate {
  readonly #options: RequestGateOptions;
  readonly #gate: Gate;
  #refused = 0;

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
      await this.#holdRefused();
      throw overloaded(
        `${atOnce + queued} requests for ${what} are here already, which is the limit: try again ` +
          'later, or ask another replica',
      );
    }
    await this.#gate.enter((giveUp) => {
      response.once('close', giveUp);
      park(response);
    });
    unpark(response);
    try {
      // A store in this process does its part at once: not more than one of them in a turn.
      await ownTurn();
      return await work();
    } finally {
      // What the work made goes out first, and who has gone meanwhile is found out.
      setImmediate(() => this.#gate.leave());
    }
  }

  async #holdRefused(): Promise<void> {
    if (this.#refused >= MOST_REFUSED) return;
    this.#refused += 1;
    await pause(REFUSED_AFTER_MS);
    this.#refused -= 1;
  }
}
