/**
 * The calls of a schedule as they are made and answered. A client over HTTP makes a call again by
 * itself where its answer is lost: an earlier try may have been carried out, may be later, or never,
 * and nobody had its answer. How many tries there were is seen from the requests.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import type { Answer, Asked, Call, History } from './history.js';

/** More tries of one call than this cannot be told apart by what is seen of them. */
const MOST_UNANSWERED = 3;

interface Requests {
  count: number;
}

const requestsHere = new AsyncLocalStorage<Requests>();
subscribe('undici:request:create', () => {
  const requests = requestsHere.getStore();
  if (requests !== undefined) requests.count += 1;
});

export class Tries {
  readonly #history: History;
  readonly #isRepeating: boolean;
  /** Calls that may have been carried out by an earlier try than the answered one. */
  readonly #repeated = new WeakSet<Call>();

  /** `isRepeating`: whether the clients make calls again by themselves. */
  constructor(history: History, isRepeating: boolean) {
    this.#history = history;
    this.#isRepeating = isRepeating;
  }

  begin(actor: string, task: number, asked: Asked): Call {
    // A consume's tries have a key in common, one that the client makes up where it was given none.
    const needsKey = this.#isRepeating && asked.kind === 'consume' && asked.key === undefined;
    return this.#history.begin(actor, task, needsKey ? { ...asked, key: randomUUID() } : asked);
  }

  /** Makes one call, or those of a batch, and notes how often they were tried, answered or not. */
  async make<T>(calls: readonly Call[], carryOut: () => Promise<T>): Promise<T> {
    if (!this.#isRepeating) return carryOut();
    const requests = { count: 0 };
    try {
      return await requestsHere.run(requests, carryOut);
    } finally {
      // Of a batch, any of them may be the one that was tried again.
      const others = Math.min(requests.count - calls.length, MOST_UNANSWERED);
      for (const call of calls) if (call.asked.kind !== 'read') this.#note(call, others);
    }
  }

  end(call: Call, answer: Answer): void {
    // It may be an earlier try that has removed the task: when, this answer does not tell.
    const isDelete = call.asked.kind === 'delete' && answer.verdict === 'done';
    if (!(isDelete && this.#repeated.has(call))) this.#history.end(call, answer);
  }

  #note(call: Call, others: number): void {
    for (let n = 0; n < others; n += 1) {
      this.#history.calls.push({ ...call });
      this.#repeated.add(call);
    }
  }
}
