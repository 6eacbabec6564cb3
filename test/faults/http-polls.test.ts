/** How often the HTTP backend asks a service that does not hold its waits. */

import t, { type Test } from 'tap';
import { WITH_BODY } from '../../src/record/entry.js';
import type { WaitResult } from '../../src/result-backend/task-waits.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { LongWaits, type WaitLimits } from '../../src/task/long-waits.js';
import { errorOf, eventually } from '../conformance/expect.js';
import { type FrontedRemote, frontRemote } from '../support/fronted-remote.js';
import { RemoteStore } from '../support/remote-store.js';

const open = async (t: Test): Promise<FrontedRemote> => frontRemote(t, await RemoteStore.memory());

const wait = (backend: ResultBackend, limits: WaitLimits): Promise<WaitResult> =>
  new LongWaits(backend).wait({ taskId: 'task', parts: WITH_BODY }, limits);

t.test('a poll that is sent away comes back when the service says so', async (t) => {
  const { front, remote, backend } = await open(t);
  front.next([{ status: 429, headers: { 'retry-after': '1' } }]);
  const began = performance.now();
  const ending = new AbortController();
  const waiting = errorOf(wait(backend, { signal: ending.signal }));
  await eventually(t, () => remote.parked === 1, 'it waits');
  t.ok(performance.now() - began >= 700, 'not at once');
  ending.abort();
  await waiting;
});

t.test('a service that holds no poll is not asked as fast as it answers', async (t) => {
  const { front, backend } = await open(t);
  const headers = { 'content-type': 'application/problem+json' };
  const body = JSON.stringify({ type: 'urn:resultd:problem:task-unknown' });
  front.seen.length = 0;
  front.treat = () => ({ status: 404, headers, body });
  t.equal((await wait(backend, { timeoutMs: 2_000 })).reason, 'timeout');
  t.ok(front.seen.length < 30, `${front.seen.length} polls in two seconds`);
});
