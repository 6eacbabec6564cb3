/** Requests that wait, and the moment when all of them are parked. */
import type { Answer } from '../../support/service.js';
import { until } from '../../support/until.js';
import type { Api } from './topic.js';

/** What is answered at once does not wait for its 30 s. */
export const AT_ONCE_MS = 25_000;

/** An answer, and how long it took. */
export interface Timed {
  readonly answer: Answer;
  readonly ms: number;
}

export async function timed(call: Promise<Answer>): Promise<Timed> {
  const start = performance.now();
  const answer = await call;
  return { answer, ms: performance.now() - start };
}

/**
 * Waits until exactly `count` requests are parked, and their first reads are done: a read that is
 * asked for later on the same store comes back later.
 */
export async function untilParked(api: Api, count: number, path?: string): Promise<void> {
  const { hub } = api.service.app;
  await until(`${count} are parked`, () => hub.parked === count);
  if (path !== undefined) await api.get(path);
}

/** The four reads of a task, each by GET and HEAD. */
export const READS = ['', '/result', '/exception', '/status'].flatMap(
  (suffix) =>
    [
      ['GET', suffix],
      ['HEAD', suffix],
    ] as const,
);
