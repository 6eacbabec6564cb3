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
  /** How many requests there were for the call beyond the first, or for another of its batch. */
  readonly #repeats = new WeakMap<Call, () => number>();

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

  /** Makes one call, or those of a batch. */
  make<T>(calls: readonly Call[], carryOut: () => Promise<T>): Promise<T> {
    if (!this.#isRepeating) return carryOut();
    const requests = { count: 0 };
    for (const call of calls) this.#repeats.set(call, () => requests.count - calls.length);
    return requestsHere.run(requests, carryOut);
  }

  end(call: Call, answer: Answer): void {
    const repeats = this.#repeats.get(call)?.() ?? 0;
    if (call.asked.kind !== 'read') {
      for (let n = 0; n < Math.min(repeats, MOST_UNANSWERED); n += 1) {
        this.#history.calls.push({ ...call });
      }
    }
    // It may be an earlier try that has removed the task: when, this answer does not tell.
    const tellsNothing = repeats > 0 && call.asked.kind === 'delete' && answer.verdict === 'done';
    if (!tellsNothing) this.#history.end(call, answer);
  }
}
