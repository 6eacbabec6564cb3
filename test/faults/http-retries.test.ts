/**
 * What the HTTP backend tries again, what it does not, and what comes of a write whose answer was
 * lost on the way.
 */
import t, { type Test } from 'tap';
import { HttpBackend, type HttpBackendOptions } from '../../src/backends/http/http-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { NEVER } from '../../src/record/entry.js';
import {
  errorOf,
  eventually,
  failure,
  HOUR_MS,
  isError,
  refused,
  sameBytes,
  snapshotIn,
  success,
  successEnvelope,
} from '../conformance/expect.js';
import type { Treatment } from '../support/flaky-front.js';
import { type FrontedRemote, frontRemote } from '../support/fronted-remote.js';
import { RemoteStore } from '../support/remote-store.js';
import { ServiceProcess } from '../support/service-process.js';

async function open(t: Test, options: HttpBackendOptions = {}): Promise<FrontedRemote> {
  const scene = await frontRemote(t, await RemoteStore.memory(), options);
  scene.front.seen.length = 0;
  return scene;
}

const LOST: readonly Treatment[] = [{ cut: 'after' }];
const AT_ONCE = { 'retry-after': '0' };

t.test('a consume whose answer was lost is given the outcome by the next try', async (t) => {
  const { front, backend } = await open(t);
  await backend.setProgress('task', { state: 'STARTED', meta: 1 });
  const stored = snapshotIn(await backend.setResult('task', success(1, '"log"')));
  front.next([{ cut: 'after' }, { status: 502 }, { cut: 'after' }]);
  const taken = await backend.consume('task', { withLogs: true });
  sameBytes(t, taken?.outcome, successEnvelope(1, '"log"'), 'the outcome');
  t.equal(taken?.toStatusView(), stored.toStatusView(), 'with all that was known of it');
  t.equal(await backend.getStatus('task'), undefined, 'it is gone');
  t.equal(await backend.consume('task'), undefined, 'for exactly one caller');
});

t.test('a report whose answer was lost is stored once, and is no conflict', async (t) => {
  const { front, backend } = await open(t);
  front.next(LOST);
  const receipt = await backend.setResult('task', success(1), { mode: 'create' });
  t.equal(receipt.verdict, 'unchanged', 'as far as the last try can tell');
  t.equal(receipt.snapshot?.version, (await backend.getStatus('task'))?.version);
  await refused(
    t,
    backend.setResult('task', success(2), { mode: 'create' }),
    'outcome-conflict',
    'SUCCESS',
  );
  front.next(LOST);
  const registered = await backend.setProgress('new', { state: 'PENDING' }, { mode: 'register' });
  t.equal(registered.verdict, 'unchanged');
  t.equal(registered.snapshot?.state, 'PENDING');
});

t.test('a conditional write whose answer was lost is not refused', async (t) => {
  const { front, backend } = await open(t);
  const { version } = snapshotIn(await backend.setResult('task', success(1)));
  front.next(LOST);
  const conditions = { ifMatch: [version] };
  const receipt = await backend.setResult('task', success(2), { conditions });
  t.equal(receipt.verdict, 'unchanged', 'it is stored exactly so');
  sameBytes(t, (await backend.getResult('task'))?.outcome, successEnvelope(2), 'it is there');
  const progress = snapshotIn(await backend.setProgress('begun', { state: 'A' }));
  front.next(LOST);
  const second = await backend.setProgress(
    'begun',
    { state: 'B' },
    { conditions: { ifMatch: [progress.version] } },
  );
  t.equal(second.snapshot?.state, 'B');
});

t.test('a delete whose answer was lost has removed the task', async (t) => {
  const { front, backend } = await open(t);
  const { version } = snapshotIn(await backend.setResult('task', success(1)));
  front.next(LOST);
  t.equal(await backend.delete('task'), true);
  t.equal(await backend.delete('task'), false);
  const again = snapshotIn(await backend.setResult('task', success(1)));
  t.not(again.version, version);
  front.next(LOST);
  t.equal(await backend.delete('task', { ifMatch: [again.version] }), true, 'with a condition too');
  t.equal(await backend.getStatus('task'), undefined);
});

t.test('a change of expiry is sent again where that does no harm', async (t) => {
  const { front, backend } = await open(t);
  const { version } = snapshotIn(await backend.setResult('task', success(1)));
  front.next(LOST);
  t.equal((await backend.expire('task', NEVER))?.snapshot?.expiresAt, undefined);
  const current = (await backend.getStatus('task'))!.version;
  t.not(current, version);
  front.next(LOST);
  const lost = await errorOf(backend.expire('task', HOUR_MS, { ifMatch: [current] }));
  isError(t, lost, 'store-unavailable', 'a conditional one');
  t.match((lost as Error).message, /may yet have been done/);
  t.ok((await backend.getStatus('task'))?.expiresAt, 'as it has been');
});

t.test("a gateway's answer leaves open what was done, a refusal does not", async (t) => {
  const { front, backend } = await open(t);
  let { version } = snapshotIn(await backend.setResult('task', success(1)));
  const type = { 'content-type': 'application/problem+json' };
  const inDoubt = { type: 'urn:resultd:problem:store-unavailable' };
  for (const open of [
    { status: 502 },
    { status: 504 },
    { status: 503, headers: { ...AT_ONCE, ...type }, body: JSON.stringify(inDoubt) },
  ]) {
    front.next([open]);
    const lost = await errorOf(backend.expire('task', HOUR_MS, { ifMatch: [version] }));
    isError(t, lost, 'store-unavailable', `${open.status}`);
    t.match((lost as Error).message, /may yet have been done/);
    front.next([open]);
    t.equal(await backend.delete('unknown'), true, 'as far as anyone can tell');
  }
  for (const status of [429, 503]) {
    const refusal = { status, headers: AT_ONCE };
    front.next([refusal]);
    const receipt = await backend.expire('task', HOUR_MS, { ifMatch: [version] });
    version = receipt!.snapshot!.version;
    front.next([refusal]);
    t.equal(await backend.delete('unknown'), false, `${status}: it was not there`);
  }
});

t.test('a write that has reached nobody is not in doubt', async (t) => {
  const service = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const backend = HttpBackend.fromUrl(service.origin, { storeTimeoutMs: 3_000 });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  service.signal('SIGKILL');
  await service.exited;
  isError(t, await errorOf(backend.ping()), 'store-unavailable', 'no connection is left');
  const error = await errorOf(backend.delete('task'));
  isError(t, error, 'store-unavailable', 'a delete');
  t.match((error as Error).message, /cannot be reached/);
  t.notMatch((error as Error).message, /may yet have been done/);
});

t.test('an answer that is cut in its middle is asked for again', async (t) => {
  const { remote, front, backend } = await open(t);
  const value = 'x'.repeat(3_000_000);
  await backend.setResult('task', success(value));
  front.treat = () => {
    front.treat = () => 'pass';
    for (const connection of remote.proxy.connections) connection.cutReplyAfter(1_000_000);
    return 'pass';
  };
  sameBytes(t, (await backend.getResult('task'))?.outcome, successEnvelope(value), 'whole');
  t.equal(front.seen.filter((line) => line === 'GET /v1/tasks/task').length, 2);
});

t.test('a connection that is dead without saying so is left for another', async (t) => {
  const remote = await RemoteStore.memory();
  const backend = HttpBackend.fromUrl(remote.url, { storeTimeoutMs: 15_000 });
  await backend.startup();
  t.teardown(async () => {
    await backend.shutdown();
    await remote.stop();
  });
  await backend.setResult('task', success(1));
  const dead = remote.proxy.connections;
  t.ok(dead.length > 0);
  for (const connection of dead) connection.abandon();
  t.equal(await backend.isResultReady('task'), true);
});

t.test('a connection that was closed while it was idle is no failure', async (t) => {
  const { remote, backend } = await open(t);
  const direct = HttpBackend.fromUrl(remote.url);
  await direct.startup();
  t.teardown(() => direct.shutdown());
  for (let n = 0; n < 50; n += 1) {
    await direct.setResult(`task-${n}`, success(n), { mode: 'create' });
    // The client may learn of it before it sends its next request, or after.
    const cut = remote.proxy.cut();
    if (n % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    t.ok(cut > 0, 'it was kept open');
    t.equal(await direct.isResultReady(`task-${n}`), true);
  }
  t.equal((await backend.count()).total, 50);
});

t.test('a service that is not ready is asked again when it says so', async (t) => {
  const { front, backend } = await open(t);
  for (const status of [429, 502, 503, 504]) {
    front.seen.length = 0;
    front.next([{ status, headers: { 'retry-after': '1' } }, { status }]);
    const began = performance.now();
    await backend.setResult(`task-${status}`, success(1));
    t.ok(performance.now() - began >= 700, `${status}: not at once`);
    t.equal(front.seen.length, 3, `${status}: three tries`);
  }
  const date = new Date(Date.now() + 2_000).toUTCString();
  front.next([{ status: 503, headers: { 'retry-after': date } }]);
  await backend.ping();
  t.ok(Date.now() >= Date.parse(date) - 300, 'a date is waited for, too');
});

t.test('what would be over after the deadline is given up at once', async (t) => {
  const { front, backend } = await open(t);
  front.treat = () => ({ status: 503, headers: { 'retry-after': '3600' } });
  isError(t, await errorOf(backend.getStatus('task')), 'store-unavailable', 'an hour is too long');
  t.equal(front.seen.length, 1);
});

t.test('a large body has more time: a second for each MiB', async (t) => {
  const { front, backend } = await open(t, { storeTimeoutMs: 1_000 });
  front.treat = ({ method }) => (method === 'PUT' ? { delayMs: 1_200 } : 'pass');
  const receipt = await backend.setResult('task', success('x'.repeat(7_000_000)));
  t.equal(receipt.snapshot?.state, 'SUCCESS');
  isError(
    t,
    await errorOf(backend.setResult('small', success(1))),
    'store-unavailable',
    'a small one',
  );
});

t.test('a service that stays away could not be asked', async (t) => {
  const { front, backend } = await open(t, { storeTimeoutMs: 3_000 });
  for (const treatment of [{ status: 503, headers: AT_ONCE }, { cut: 'before' }] as const) {
    front.seen.length = 0;
    front.treat = () => treatment;
    const error = await errorOf(backend.getStatus('task'));
    isError(t, error, 'store-unavailable', JSON.stringify(treatment));
    t.equal((error as ResultdError).retryable, true);
    t.ok(front.seen.length > 1, `${front.seen.length} tries`);
  }
});

t.test('a call that queues here has its whole time when it is its turn', async (t) => {
  const { front, backend } = await open(t, { storeTimeoutMs: 8_000 });
  front.treat = () => ({ delayMs: 1_000 });
  const calls = Array.from({ length: 640 }, (_, n) => errorOf(backend.getStatus(`task-${n}`)));
  t.same(new Set(await Promise.all(calls)), new Set([undefined]), 'ten rounds of a second each');
});

t.test('where nobody is answered, those who queue are not kept for their turn', async (t) => {
  const { remote, backend } = await open(t, { storeTimeoutMs: 3_000 });
  remote.freeze();
  const began = performance.now();
  const calls = Array.from({ length: 6_400 }, (_, n) => errorOf(backend.getStatus(`task-${n}`)));
  for (const error of await Promise.all(calls)) {
    if ((error as ResultdError | undefined)?.code !== 'store-unavailable') throw error;
  }
  t.ok(performance.now() - began < 150_000, 'a hundred rounds would take 300 s');
  remote.proxy.heal();
  const answers = async () => (await errorOf(backend.ping())) === undefined;
  await eventually(t, answers, 'the next ones are answered');
});

t.test("the service's refusals are the same errors, and are not tried again", async (t) => {
  const { front, backend } = await open(t);
  await backend.setResult('task', failure());
  await backend.setProgress('begun', { state: 'é 100%' });
  front.seen.length = 0;
  const conflict = backend.setResult('task', success(1), { mode: 'create' });
  await refused(t, conflict, 'outcome-conflict', 'FAILURE');
  const mismatch = backend.setResult('task', success(1), { conditions: { ifNoneMatch: '*' } });
  await refused(t, mismatch, 'version-mismatch', 'FAILURE');
  await refused(t, backend.consume('begun'), 'not-ready', 'é 100%');
  const large = await errorOf(backend.setResult('large', { returnValue: 'x'.repeat(9_000_000) }));
  isError(t, large, 'too-large', 'beyond the body limit there');
  t.equal(front.seen.filter((line) => !line.includes('large')).length, 3);
});
