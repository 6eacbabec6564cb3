/**
 * One wait as a chain of long polls, until its deadline.
 *
 * Whatever ends a poll early ends no wait: a connection that is lost, a service that restarts, a
 * proxy's 502. The chain goes on, after a pause that grows, until the deadline; then it looks once
 * more, and what that finds is its answer.
 */

import type { ResultdError } from '../../errors.js';
import { Backoff, pause } from '../../timing.js';
import type { RemoteAnswer, RemoteRequest } from './connections.js';
import { errorOf, isHopeless, isRetried } from './remote-errors.js';
import { LONGEST_PAUSE_MS, retryAfterMs } from './retry-after.js';
import { isExpected, type Transport } from './transport.js';

/** The longest poll: below the cut-off of the usual proxies. The service may answer sooner. */
const LONGEST_POLL_MS = 55_000;

/** What is asked, and what an answer means. */
export interface Question<T> {
  /** A poll of so many milliseconds; of 0, a look at what is there now. */
  request(waitMs: number): RemoteRequest;
  /** What the answer ends the wait with; undefined where it goes on. */
  endOf(answer: RemoteAnswer): T | undefined;
  /** What the answer is where time is up; undefined where another look is needed. */
  timeoutOf(answer: RemoteAnswer): T | undefined;
  /** Whether to look before the next poll, since it may find what no poll would be woken by. */
  readonly looksFirst: boolean;
}

export class PollChain {
  readonly #transport: Transport;
  readonly #abort = new AbortController();
  readonly #deadline: number;
  /** The service ends a poll early by up to a sixteenth, and so may the wait. */
  readonly #slackMs: number;
  readonly #afterFailure = new Backoff(LONGEST_PAUSE_MS);
  readonly #afterEarly = new Backoff(LONGEST_PAUSE_MS);

  constructor(transport: Transport, timeoutMs: number) {
    this.#transport = transport;
    this.#deadline = performance.now() + timeoutMs;
    this.#slackMs = Math.min(timeoutMs, LONGEST_POLL_MS) / 16;
  }

  /** Ends the poll that runs; `run` does not go on. */
  abort(): void {
    this.#abort.abort();
  }

  /** Rejects with why the service could not be asked at the end, or with what it refuses. */
  async run<T>(question: Question<T>): Promise<T> {
    let hasLooked = false;
    for (;;) {
      const leftMs = this.#deadline - performance.now();
      const isLast = leftMs <= this.#slackMs;
      const isLook: boolean = isLast || (question.looksFirst && !hasLooked);
      const waitMs = isLook ? 0 : Math.ceil(Math.min(leftMs, LONGEST_POLL_MS));
      const began = performance.now();
      const answer = await this.#poll(question.request(waitMs), waitMs, isLast);
      hasLooked = isLook && answer !== undefined;
      if (answer === undefined) continue;
      const end = question.endOf(answer);
      if (end !== undefined) return end;
      const isOver = isLast || (!isLook && this.#deadline - performance.now() <= this.#slackMs);
      const last = isOver ? question.timeoutOf(answer) : undefined;
      if (last !== undefined) return last;
      if (!isLook && !isOver) await this.#pace(performance.now() - began, waitMs);
    }
  }

  /** A service that shuts down answers every poll at once: it is not asked as fast as it answers. */
  async #pace(tookMs: number, waitMs: number): Promise<void> {
    const isEarly = tookMs < Math.min(1_000, waitMs / 2);
    if (isEarly) await this.#rest(this.#afterEarly.next());
    else this.#afterEarly.reset();
  }

  /** The answer, if the service gives one now. */
  async #poll(
    request: RemoteRequest,
    waitMs: number,
    isLast: boolean,
  ): Promise<RemoteAnswer | undefined> {
    let failure: ResultdError;
    let longerMs = 0;
    const timeoutMs = waitMs + this.#transport.timeoutMs;
    try {
      const { signal } = this.#abort;
      const answer = await this.#transport.park(request, { timeoutMs, signal });
      if (isExpected(answer, request)) {
        this.#afterFailure.reset();
        return answer;
      }
      failure = errorOf(answer, this.#transport.settings.shown);
      if (!isRetried(answer.status)) throw failure;
      longerMs = retryAfterMs(answer.header('retry-after')) ?? 0;
    } catch (error) {
      failure = this.#transport.unavailable(error);
      if (error === failure || isHopeless(error)) throw failure;
    }
    if (isLast) throw failure;
    const restMs = Math.max(this.#afterFailure.next(), longerMs);
    await this.#rest(Math.min(restMs, this.#deadline - performance.now()));
    return undefined;
  }

  async #rest(ms: number): Promise<void> {
    const { signal } = this.#abort;
    await pause(Math.max(0, ms), signal);
    // Nobody waits any more: what runs here comes to its end nowhere.
    if (signal.aborted) await new Promise(() => {});
  }
}
