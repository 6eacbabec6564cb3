/** How many calls a store's server was sent, by its own count. */
import { Redis } from 'ioredis';

export interface CallCounter {
  /** All calls so far, but for this question itself. */
  total(): Promise<number>;
  close(): void;
}

/** Commands, those of scripts too. */
export function redisCounter(port: number): CallCounter {
  const redis = new Redis(port, '127.0.0.1');
  return {
    async total() {
      const text = await redis.info('commandstats');
      let total = 0;
      for (const [, name, calls] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
        if (name !== 'info') total += Number(calls);
      }
      return total;
    },
    close: () => redis.disconnect(),
  };
}

/** Messages that clients have sent: each is one question, or one write. */
export function natsCounter(monitorPort: number): CallCounter {
  return {
    async total() {
      const answer = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
      return ((await answer.json()) as { in_msgs: number }).in_msgs;
    },
    close: () => {},
  };
}
