/**
 * Writes that are acknowledged when replicas have them (Redis's WAIT).
 *
 * WAIT asks about all that was written before it, and holds up its connection meanwhile. So writes
 * go in groups: those that have come while a WAIT ran are sent together, and one WAIT behind them.
 * What a script found unchanged is waited for too: the write that it repeats may not have arrived.
 */
import { TooFewReplicas } from './redis-errors.js';
import type { RedisLink } from './redis-link.js';
import type { Argument } from './scripts.js';

interface Write {
  readonly name: string;
  readonly args: Argument[];
  readonly isAsked: boolean;
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

export class ReplicatedWrites {
  readonly #link: RedisLink;
  readonly #wait: { readonly replicas: number; readonly timeoutMs: number };
  #next: Write[] = [];
  #isRunning = false;

  constructor(link: RedisLink, wait: { readonly replicas: number; readonly timeoutMs: number }) {
    this.#link = link;
    this.#wait = wait;
  }

  write(name: string, args: Argument[], isAsked: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#next.push({ name, args, isAsked, resolve, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      process.nextTick(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#next.length > 0) await this.#send(this.#next.splice(0));
    this.#isRunning = false;
  }

  async #send(group: readonly Write[]): Promise<void> {
    const replies = Promise.allSettled(
      group.map(({ name, args, isAsked }) => {
        if (isAsked) this.#link.send('asking', []).catch(() => {});
        return this.#link.send(name, args);
      }),
    );
    const failure = await this.#confirmed();
    for (const [index, reply] of (await replies).entries()) {
      const write = group[index]!;
      if (reply.status === 'rejected') write.reject(reply.reason);
      else if (failure !== undefined) write.reject(failure);
      else write.resolve(reply.value);
    }
  }

  /** Why the group is not as safe as it should be; undefined where it is. */
  async #confirmed(): Promise<unknown> {
    const { replicas, timeoutMs } = this.#wait;
    try {
      const args = [String(replicas), String(timeoutMs)];
      const confirmed = Number(await this.#link.send('wait', args));
      return confirmed >= replicas ? undefined : new TooFewReplicas(confirmed, replicas);
    } catch (error) {
      return error;
    }
  }
}
