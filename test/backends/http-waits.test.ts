/** Waits that a remote resultd holds, in as many polls as they take: what ends them, and what does not. */

import t, { type Test } from 'tap';
import type { AppOptions } from '../../src/app.js';
import { HttpBackend, type HttpBackendOptions } from '../../src/backends/http/http-backend.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../../src/record/entry.js';
import type { Wait, WaitRequest } from '../../src/result-backend/task-waits.js';
import { LongWaits } from '../../src/task/long-waits.js';
import {
  errorOf,
  eventually,
  isError,
  sameBytes,
  snapshotIn,
  success,
  successEnvelope,
} from '../conformance/expect.js';
import { type FrontedRemote, frontRemote } from '../support/fronted-remote.js';
import { RemoteStore } from '../support/remote-store.js';

interface Scene extends FrontedRemote {
  readonly waits: LongWaits;
  /** A wait of as many polls as it takes. */
  wait(taskId: string, request?: Partial<WaitRequest>): Wait;
  /** One poll. */
  poll(taskId: string): Wait;
}

async function open(
  t: Test,
  options: HttpBackendOptions = {},
  service: AppOptions = {},
): Promise<Scene> {
  const remote = await RemoteStore.lmdb(service);
  const scene = await frontRemote(t, remote, { storeTimeoutMs: 60_000, ...options });
  const waits = new LongWaits(scene.backend);
  t.teardown(() => waits.close());
  const wait = (taskId: string, request: Partial<WaitRequest> = {}): Wait => {
    const ending = new AbortController();
    const { parts = WITH_BODY, timeoutMs = 30_000, knownVersions } = request;
    const limits = { timeoutMs, signal: ending.signal };
    const result = waits.wait({ taskId, parts, knownVersions }, limits);
    result.catch(() => {});
    return { result, cancel: () => ending.abort() };
  };
  const poll = (taskId: string): Wait =>
    scene.backend.waits()!.wait({ taskId, parts: WITH_BODY, timeoutMs: 30_000, caller: 'a' });
  return { ...scene, waits, wait, poll };
}

const isParked = (t: Test, remote: RemoteStore, count = 1): Promise<void> =>
  eventually(t, () => remote.parked === count, `${count} parked`);

t.test('a wait that is parked before the write wakes with the outcome', async (t) => {
  const { remote, backend, front, wait } = await open(t);
  const waits = [
    wait('task'),
    wait('task', { parts: WITH_LOG }),
    wait('task', { parts: HEAD_ONLY }),
  ] as const;
  await isParked(t, remote, 3);
  const { version } = snapshotIn(await backend.setResult('task', success(1, '"log"')));
  const [body, log, head] = await Promise.all(waits.map(({ result }) => result));
  for (const { reason, snapshot } of [body!, log!, head!]) {
    t.equal(reason, 'done');
    t.equal(snapshot?.version, version);
  }
  sameBytes(t, body!.snapshot?.outcome, successEnvelope(1), 'the outcome');
  sameBytes(t, log!.snapshot?.outcome, successEnvelope(1, '"log"'), 'with its log');
  t.equal(head!.snapshot?.outcome, undefined);
  const polls = front.seen.filter((line) => line.includes('wait='));
  t.equal(polls.length, 3, 'one request for each');
  const late = await wait('task').result;
  t.equal(late.reason, 'done', 'a task that is ready is not waited for');
});

t.test('a wait ends with what is there when its time is up', async (t) => {
  const { backend, wait } = await open(t);
  const unknown = await wait('unknown', { timeoutMs: 200 }).result;
  t.same(unknown, { reason: 'timeout', snapshot: undefined });
  await backend.setProgress('begun', { state: 'STARTED', meta: 1 });
  const begun = await wait('begun', { timeoutMs: 200 }).result;
  t.equal(begun.reason, 'timeout');
  t.equal(begun.snapshot?.state, 'STARTED');
  const { version } = begun.snapshot!;
  const same = await wait('begun', { timeoutMs: 200, knownVersions: [version] }).result;
  t.equal(same.reason, 'timeout');
  t.equal(same.snapshot?.version, version, 'an unchanged task, too');
});

t.test('a wait with versions ends when the task is at another one', async (t) => {
  const { remote, backend, front, wait } = await open(t);
  const first = snapshotIn(await backend.setProgress('task', { state: 'STARTED' })).version;
  const waiting = wait('task', { knownVersions: ['other', first] });
  await isParked(t, remote);
  const second = snapshotIn(await backend.setProgress('task', { state: 'RETRY' })).version;
  const { reason, snapshot } = await waiting.result;
  t.equal(reason, 'done');
  t.equal(snapshot?.version, second);
  t.equal((await wait('task', { knownVersions: [first] }).result).reason, 'done', 'at once');
  for (const knownVersions of [[], ['"no" version']]) {
    t.equal((await wait('task', { knownVersions }).result).reason, 'done', 'known as none');
    t.notMatch(front.seen.at(-1), /wait=/, 'its first status is told at once');
  }
  const unknown = await wait('unknown', { knownVersions: [first] }).result;
  t.same(unknown, { reason: 'done', snapshot: undefined }, 'there is nothing to wait for');
});

t.test('a task that is removed ends the wait of who has known it', async (t) => {
  const { remote, backend, wait } = await open(t);
  await backend.setProgress('begun', { state: 'STARTED' });
  const known = wait('begun');
  const unknown = wait('never');
  await isParked(t, remote, 2);
  await backend.delete('begun');
  t.same(await known.result, { reason: 'removed', snapshot: undefined });
  await backend.setProgress('never', { state: 'STARTED' });
  await backend.delete('never');
  await backend.setResult('never', success(1));
  t.equal((await unknown.result).reason, 'done', 'who has not known it waits on');
});

t.test('a restart of the service ends no wait', async (t) => {
  const { remote, backend, wait } = await open(t);
  await backend.setProgress('begun', { state: 'STARTED' });
  const waits = [
    wait('unknown'),
    wait('begun'),
    wait('begun', { knownVersions: [(await backend.getStatus('begun'))!.version] }),
  ];
  await isParked(t, remote, 3);
  await remote.kill();
  const late = wait('unknown');
  await remote.restart();
  await isParked(t, remote, 4);
  await backend.setResult('unknown', success(1));
  await backend.setResult('begun', success(2));
  for (const { result } of [...waits, late]) {
    const { reason, snapshot } = await result;
    t.equal(reason, 'done');
    t.equal(snapshot?.ready, true);
  }
});

t.test('a wait is longer than the longest that the service holds', async (t) => {
  const { front, backend, wait } = await open(t, {}, { maxWaitMs: 200 });
  await backend.setProgress('begun', { state: 'STARTED' });
  const waits = [wait('unknown'), wait('begun'), wait('begun', { knownVersions: ['other'] })];
  t.equal((await waits[2]!.result).reason, 'done');
  const polls = () => front.seen.filter((line) => line.includes('wait=')).length;
  await eventually(t, () => polls() > 10, 'several polls');
  await backend.setResult('unknown', success(1));
  await backend.setResult('begun', success(1));
  for (const { result } of waits) t.equal((await result).reason, 'done');
});

t.test('a task that went while the service could not be asked ends the wait', async (t) => {
  const { remote, front, backend, wait } = await open(t, {}, { maxWaitMs: 500 });
  const { version } = snapshotIn(await backend.setProgress('task', { state: 'STARTED' }));
  const waits = [wait('task'), wait('task', { knownVersions: [version] })];
  const polls = () => front.seen.filter((line) => line.includes('wait=')).length;
  await eventually(t, () => polls() >= 4, 'each has been answered once');
  front.treat = () => ({ status: 503, headers: { 'retry-after': '0' } });
  await eventually(t, () => remote.parked === 0, 'nobody is parked');
  const direct = HttpBackend.fromUrl(remote.origin);
  await direct.startup();
  t.equal(await direct.delete('task'), true);
  await direct.shutdown();
  front.treat = () => 'pass';
  for (const { result } of waits) {
    t.same(await result, { reason: 'removed', snapshot: undefined });
  }
});

t.test('a task that went between two polls is not waited for until the end', async (t) => {
  const { front, backend, remote, wait } = await open(t);
  const view = snapshotIn(await backend.setProgress('task', { state: 'STARTED' })).toStatusView();
  const direct = HttpBackend.fromUrl(remote.origin);
  await direct.startup();
  t.teardown(() => direct.shutdown());
  const headers = { 'content-type': 'application/json' };
  front.next([{ status: 200, headers, body: view }, { status: 502 }, { status: 502 }]);
  const waiting = wait('task', { timeoutMs: 50_000 });
  await eventually(t, () => front.seen.some((line) => line.includes('wait=')), 'it has known it');
  await direct.delete('task');
  const began = performance.now();
  t.same(await waiting.result, { reason: 'removed', snapshot: undefined });
  t.ok(performance.now() - began < 30_000, 'it was looked for before the next poll');
});

t.test('a front that answers for the service, or cuts, ends no wait', async (t) => {
  const { front, backend, remote, wait } = await open(t);
  front.next([
    { status: 502 },
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 504 },
    { status: 429, headers: { 'retry-after': '1' } },
    { cut: 'before' },
  ]);
  const waiting = wait('task');
  await isParked(t, remote);
  t.equal(
    front.seen.filter((line) => line.includes('/tasks/task')).length,
    7,
    'each was asked for',
  );
  await backend.setResult('task', success(1));
  t.equal((await waiting.result).reason, 'done');
});

t.test('a service that is gone at the end could not be asked', async (t) => {
  const { remote, wait, waits } = await open(t);
  const waiting = wait('task', { timeoutMs: 1_500 });
  const many = waits.waitMany({ taskIds: ['a', 'b'], target: 1 }, { timeoutMs: 1_500 });
  await isParked(t, remote, 2);
  const failures = [errorOf(waiting.result), errorOf(many)];
  await remote.kill();
  for (const failure of failures) isError(t, await failure, 'store-unavailable', 'at the end');
  await remote.restart();
  t.equal((await wait('task', { timeoutMs: 100 }).result).reason, 'timeout', 'it is back');
});

t.test('a poll that fails is over, and says why', async (t) => {
  const { front, poll } = await open(t);
  const answers = [
    [{ status: 401 }, 'unauthenticated'],
    [{ status: 403 }, 'forbidden'],
    [{ status: 404 }, 'store-unavailable'],
    [{ status: 302, headers: { location: 'https://login/' } }, 'store-unavailable'],
  ] as const;
  for (const [treatment, code] of answers) {
    front.next([treatment]);
    isError(t, await errorOf(poll('task').result), code, `${treatment.status}`);
  }
  front.next([{ status: 503, headers: { 'retry-after': '7' } }]);
  const refused = await errorOf(poll('task').result);
  isError(t, refused, 'store-unavailable', 'a service that is not ready');
  t.match(refused, { retryAfterMs: 7_000 });
  front.next([{ cut: 'before' }]);
  isError(t, await errorOf(poll('task').result), 'store-unavailable', 'a lost connection');
});

t.test('what asking again would not change ends a wait at once', async (t) => {
  const { front, wait } = await open(t);
  for (const [status, code] of [
    [401, 'unauthenticated'],
    [403, 'forbidden'],
  ] as const) {
    front.next([{ status }]);
    isError(t, await errorOf(wait('task').result), code, `${status}`);
  }
});

t.test('a wait that is given up leaves nothing at the service', async (t) => {
  const { remote, backend, poll } = await open(t);
  const waits = Array.from({ length: 20 }, (_, n) => poll(`task-${n % 3}`));
  const many = backend.waits()!.waitMany({
    taskIds: ['a', 'b'],
    target: 2,
    timeoutMs: 30_000,
    caller: 'a',
  });
  await isParked(t, remote, 21);
  for (const { cancel } of [...waits, many]) cancel();
  await isParked(t, remote, 0);
  for (const { cancel } of waits) cancel();
});

t.test('waits that are parked do not keep other calls waiting', async (t) => {
  const { remote, backend, wait } = await open(t);
  const waits = Array.from({ length: 300 }, (_, n) => wait(`task-${n}`));
  await isParked(t, remote, 300);
  await Promise.all(waits.map((_, n) => backend.setResult(`task-${n}`, success(n))));
  for (const [n, { result }] of waits.entries()) {
    sameBytes(t, (await result).snapshot?.outcome, successEnvelope(n), `task ${n}`);
  }
});

t.test('a shutdown ends waits, and there are none before the startup', async (t) => {
  const { remote, backend, poll } = await open(t);
  const waiting = errorOf(poll('task').result);
  await isParked(t, remote);
  await backend.shutdown();
  isError(t, await waiting, 'store-unavailable', 'a wait that ran');
  isError(t, await errorOf(poll('task').result), 'store-unavailable', 'one that came after');
  const fresh = HttpBackend.fromUrl(remote.url);
  const request = { taskId: 'task', parts: WITH_BODY, timeoutMs: 100, caller: 'a' };
  isError(t, await errorOf(fresh.waits()!.wait(request).result), 'store-unavailable', 'before');
});

t.test('many tasks are waited for by one request', async (t) => {
  const { remote, backend, front, waits, wait } = await open(t);
  const ids = Array.from({ length: 1_000 }, (_, n) => `task-${n}`);
  const begin = (target: number, timeoutMs = 30_000) =>
    waits.waitMany({ taskIds: [...ids, 'task-0'], target }, { timeoutMs });
  const all = begin(1_000);
  const any = begin(1);
  const some = begin(500);
  await isParked(t, remote, 3);
  await backend.setResult('task-7', success(1));
  const first = await any;
  t.equal(first.isComplete, true);
  t.same([...first.ready.keys()], ['task-7']);
  const short = await begin(2, 300);
  t.equal(short.isComplete, false);
  t.same([...short.ready.keys()], ['task-7'], 'what is ready at the end');
  t.equal((await begin(0)).isComplete, true, 'none are enough');
  await remote.kill();
  await remote.restart();
  await isParked(t, remote, 2);
  await Promise.all(ids.map((taskId) => backend.setResult(taskId, success(1))));
  t.ok((await some).ready.size >= 500);
  const complete = await all;
  t.equal(complete.ready.size, 1_000);
  t.equal(complete.ready.get('task-3')?.state, 'SUCCESS');
  t.ok(front.seen.filter((line) => line === 'POST /v1/batch/wait').length <= 30);
  const tooMany = Array.from({ length: 10_001 }, (_, n) => `t-${n}`);
  const refusals = [
    [tooMany, 'invalid-parameter'],
    [['a b'], 'invalid-task-id'],
  ] as const;
  for (const [taskIds, code] of refusals) {
    const many = waits.waitMany({ taskIds, target: 1 }, { timeoutMs: 1_000 });
    isError(t, await errorOf(many), code, code);
  }
  isError(t, await errorOf(wait('../stats?a=').result), 'invalid-task-id', 'a single one');
});
