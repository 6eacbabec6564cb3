/** How often the HTTP backend asks a service that does not hold its waits. */

import t, { type Test } from 'tap';
import type { HttpBackend } from '../../src/backends/http/http-backend.js';
import { WITH_BODY } from '../../src/record/entry.js';
import type { Wait } from '../../src/result-backend/task-waits.js';
import { eventually } from '../conformance/expect.js';
import { type FrontedRemote, frontRemote } from '../support/fronted-remote.js';
import { RemoteStore } from '../support/remote-store.js';

const open = async (t: Test): Promise<FrontedRemote> => frontRemote(t, await RemoteStore.memory());

const wait = (backend: HttpBackend, timeoutMs: number): Wait =>
  backend.waits()!.wait({ taskId: 'task', parts: WITH_BODY, timeoutMs, caller: 'a' });

t.test('a poll that is sent away comes back when the service says so', async (t) => {
  const { front, remote, backend } = await open(t);
  front.next([{ status: 429, headers: { 'retry-after': '1' } }]);
  const began = performance.now();
  const waiting = wait(backend, 30_000);
  await eventually(t, () => remote.parked === 1, 'it waits');
  t.ok(performance.now() - began >= 1_000, 'not before the second is over');
  waiting.cancel();
});

t.test('a service that holds no poll is not asked as fast as it answers', async (t) => {
  const { front, backend } = await open(t);
  const headers = { 'content-type': 'application/problem+json' };
  const body = JSON.stringify({ type: 'urn:resultd:problem:task-unknown' });
  front.seen.length = 0;
  front.treat = () => ({ status: 404, headers, body });
  t.equal((await wait(backend, 2_000).result).reason, 'timeout');
  t.ok(front.seen.length < 30, `${front.seen.length} polls in two seconds`);
});
