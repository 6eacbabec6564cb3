/** Requests that wait, and the moment when all of them are parked. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../support/service.js';
import type { Api } from './topic.js';

const DEADLINE_MS = 10_000;

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
  const deadline = Date.now() + DEADLINE_MS;
  while (hub.parked !== count) {
    if (Date.now() > deadline) throw new Error(`${hub.parked} are parked, not ${count}`);
    await delay(2);
  }
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
