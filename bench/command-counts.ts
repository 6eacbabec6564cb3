/** How many commands a Redis server was sent, by its own count. */
import { Redis } from 'ioredis';

export class CommandCounter {
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = new Redis(url);
  }

  /** All commands so far, those of scripts too, but for this question itself. */
  async total(): Promise<number> {
    const text = await this.#redis.info('commandstats');
    let total = 0;
    for (const [, name, calls] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      if (name !== 'info') total += Number(calls);
    }
    return total;
  }

  close(): void {
    this.#redis.disconnect();
  }
}
