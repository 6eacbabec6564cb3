/**
 * Lets so many requests of a kind run at once, and holds a bounded number of others in a queue. It
 * is for requests that cost much each: all at once they would take the memory and the time of others.
 */
import type { ServerResponse } from 'node:http';
import { overloaded } from '../errors.js';

export interface RequestGateOptions {
  /** What the requests are, as an error says it: `lists and counts`. */
  readonly what: string;
  /** How many run at once. */
  readonly atOnce: number;
  /** How many more may wait for that; beyond it they are `overloaded`. */
  readonly queued: number;
}

export class RequestGate {
  readonly #options: RequestGateOptions;
  /** What begins each request that waits, the first one first. */
  readonly #queue = new Set<() => void>();
  #running = 0;

  constructor(options: RequestGateOptions) {
    this.#options = options;
  }

  /**
   * Does the work of a request when there is room. Throws `overloaded` where the queue is full. Where
   * the client goes before its turn, nothing is done, and the promise never settles.
   */
  async run<T>(response: ServerResponse, work: () => Promise<T>): Promise<T> {
    const { what, atOnce, queued } = this.#options;
    if (this.#running < atOnce) {
      this.#running += 1;
    } else if (this.#queue.size < queued) {
      await this.#turn(response);
    } else {
      throw overloaded(
        `${atOnce + queued} requests for ${what} are here already, which is the limit: try again ` +
          'later, or ask another replica',
      );
    }
    try {
      return await work();
    } finally {
      // What the work made goes out first, and who has gone meanwhile is found out.
      setImmediate(() => this.#leave());
    }
  }

  /** Resolves when another request has handed its place over. */
  #turn(response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const begin = (): void => {
        response.off('close', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.delete(begin);
      };
      response.once('close', giveUp);
      this.#queue.add(begin);
    });
  }

  #leave(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#running -= 1;
    } else {
      this.#queue.delete(next);
      next();
    }
  }
}
