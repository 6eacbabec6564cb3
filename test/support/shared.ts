/**
 * A server that the stores of one test file share, each under a name of its own: to start one takes more
 * CPU than most tests. Who disturbs a store has a server of its own.
 */
import t from 'tap';

export class Shared<Server extends { stop(): Promise<void> }> {
  readonly #start: () => Promise<Server>;
  #started: Promise<Server> | undefined;
  #names = 0;

  constructor(start: () => Promise<Server>) {
    this.#start = start;
  }

  /** The server, a name that nobody else has, and how to be done with both. */
  async open(isDisturbed: boolean) {
    this.#names += 1;
    const name = `store_${this.#names}`;
    if (isDisturbed) {
      const server = await this.#start();
      return { server, name, close: () => server.stop() };
    }
    if (this.#started === undefined) {
      this.#started = this.#start();
      t.teardown(async () => (await this.#started)?.stop());
    }
    return { server: await this.#started, name, close: async () => {} };
  }
}
