/** Waiting for tasks on bad days: the store is down, legs end early, and nobody is told. */
import t, { type Test } from 'tap';
import { Broker } from '../../src/broker.js';
import { ResultdError } from '../../src/errors.js';
import type { TaskWaits } from '../../src/result-backend/task-waits.js';
import { gather } from '../../src/task/gather.js';
import { Task } from '../../src/task.js';
import { WaitHub } from '../../src/wait-hub.js';
import { errorOf } from '../conformance/expect.js';
import { DisturbedBackend } from '../support/disturbed-backend.js';
import { frontRemote } from '../support/fronted-remote.js';
import { RedisServer } from '../support/redis-server.js';
import { RemoteStore } from '../support/remote-store.js';
import { until } from '../support/until.js';

/** A backend that holds waits itself, in legs that end soon, as a remote resultd may. */
class ShortLegs extends DisturbedBackend {
  readonly hub = new WaitHub(this);
  legMs = 10;

  override waits(): TaskWaits {
    const shortened = <R extends { readonly timeoutMs: number }>(request: R): R => ({
      ...request,
      timeoutMs: Math.min(request.timeoutMs, this.legMs),
    });
    return {
      wait: (request) => this.hub.wait(shortened(request)),
      waitMany: (request) => this.hub.waitMany(shortened(request)),
    };
  }
}

async function shortLegs(t: Test): Promise<{ broker: Broker; backend: ShortLegs }> {
  const backend = new ShortLegs();
  const broker = new Broker(backend);
  await broker.startup();
  await backend.hub.start();
  t.teardown(async () => {
    backend.isFailing = false;
    await broker.shutdown();
  });
  return { broker, backend };
}

t.test('a wait outlives a Redis that is killed and started again', async (t) => {
  const redis = await RedisServer.start({ appendOnly: true });
  t.teardown(() => redis.stop());
  const broker = await Broker.fromUrl(redis.url);
  t.teardown(() => broker.shutdown());
  await broker.startup();
  const before = new Task<number>(broker, 'before');
  const known = before.statuses();
  await broker.resultBackend.setProgress('before', { state: 'STARTED' });
  await known.next();
  const waits = [before.waitResult(), known.next()] as const;
  await redis.kill();
  await until(
    'the store is seen to be down',
    async () => (await errorOf(before.isReady())) !== undefined,
  );
  const during = new Task<number>(broker, 'during').waitResult();
  const gathering = gather([before, new Task<number>(broker, 'during')]);
  const asked = await errorOf(before.getResult());
  t.ok(asked instanceof ResultdError, 'could not ask');
  t.match(asked, { code: 'store-unavailable', retryable: true });
  t.match(
    await errorOf(before.waitResult({ timeoutMs: 100 })),
    { code: 'store-unavailable' },
    'at the deadline nobody knows: that is not a time-out',
  );
  await redis.restart();
  await until('the store is back', async () => (await errorOf(before.isReady())) === undefined);
  await broker.resultBackend.setResult('before', { returnValue: 1 });
  await broker.resultBackend.setResult('during', { returnValue: 2 });
  t.equal((await waits[0]).returnValue, 1);
  t.match((await waits[1]).value, { state: 'SUCCESS' });
  t.equal((await during).returnValue, 2);
  t.same(
    (await gathering).results.map((result) => result?.returnValue),
    [1, 2],
  );
});

t.test('a store that comes up late is waited for', async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  await redis.kill();
  const broker = await Broker.fromUrl(redis.url);
  t.teardown(() => broker.shutdown());
  const task = new Task(broker, 'task');
  t.match(await errorOf(task.waitResult({ timeoutMs: 0 })), { code: 'store-unavailable' });
  const waiting = task.waitResult();
  await redis.restart();
  await until('it answers', async () => (await errorOf(task.isReady())) === undefined);
  await broker.resultBackend.setResult('task', { returnValue: 'late' });
  t.equal((await waiting).returnValue, 'late');
});

t.test('a wait is as many legs as it takes', async (t) => {
  const { broker, backend } = await shortLegs(t);
  const waiting = new Task(broker, 'task').waitResult();
  await until('several legs have ended', () => backend.reads > 10);
  await broker.resultBackend.setResult('task', { returnValue: 1 });
  t.equal((await waiting).returnValue, 1);
  t.equal(backend.hub.parked, 0);
});

t.test('a task that nobody has reported yet is watched through an outage', async (t) => {
  const { broker, backend } = await shortLegs(t);
  const statuses = new Task(broker, 'task').statuses();
  const first = statuses.next();
  await until('legs have ended', () => backend.reads > 3);
  backend.isFailing = true;
  const before = backend.reads;
  await until('it has been asked again and again', () => backend.reads > before + 10);
  await backend.setProgress('task', { state: 'STARTED' });
  backend.isFailing = false;
  t.match((await first).value, { state: 'STARTED' });
});

t.test('a task that is removed while nobody can ask is seen to be gone', async (t) => {
  const { broker, backend } = await shortLegs(t);
  const task = new Task(broker, 'task');
  await backend.setProgress('task', { state: 'STARTED' });
  const waiting = errorOf(task.waitResult());
  await until('legs have found it', () => backend.reads > 10);
  backend.isFailing = true;
  const failed = backend.reads;
  await until('a leg has failed', () => backend.reads > failed + 2);
  // From now on no leg would end before the test does.
  backend.legMs = 600_000;
  await backend.delete('task');
  backend.isFailing = false;
  t.match(await waiting, { code: 'task-removed' });
});

t.test('a wait that is given up leaves nothing behind', async (t) => {
  const { broker, backend } = await shortLegs(t);
  backend.legMs = 600_000;
  const controller = new AbortController();
  const waiting = errorOf(new Task(broker, 'task').waitResult({ signal: controller.signal }));
  await until('it is parked', () => backend.hub.parked === 1);
  controller.abort();
  t.match(await waiting, { name: 'AbortError' });
  t.equal(backend.hub.parked, 0);
});

t.test('a store that does not answer does not hold a wait beyond its time', async (t) => {
  const { broker, backend } = await shortLegs(t);
  backend.hold();
  t.match(await errorOf(new Task(broker, 'task').waitResult({ timeoutMs: 10 })), {
    code: 'store-unavailable',
    message: /no answer came/,
  });
  backend.release();
});

t.test('an answer that is slow is not begun again for ever', async (t) => {
  const { broker, backend } = await shortLegs(t);
  await backend.setResult('task', { returnValue: 1 });
  const failures: string[] = [];
  backend.isFailing = true;
  const waiting = new Task(broker, 'task').waitResult({
    onFailure: ({ message }) => failures.push(message),
  });
  await until('it could not be asked', () => failures.length === 1);
  // From now on each answer takes three seconds, more than a leg is given at first.
  backend.isFailing = false;
  backend.delayMs = 3_000;
  t.equal((await waiting).returnValue, 1);
});

t.test('an error that will not pass ends a wait at once', async (t) => {
  const broker = await Broker.fromUrl('memory:');
  const error = new Error('a defect');
  broker.resultBackend.get = () => Promise.reject(error);
  t.teardown(() => broker.shutdown());
  t.equal(await errorOf(new Task(broker, 'task').waitResult()), error);
});

t.test('what a call has taken before it gave up is given by the next one', async (t) => {
  const remote = await RemoteStore.memory();
  const { front, backend } = await frontRemote(t, remote);
  const broker = new Broker(backend);
  await backend.setResult('task', { returnValue: 'taken' });
  const treatments = [{ cut: 'after' }, { status: 503, headers: { 'retry-after': '60' } }] as const;
  front.next(treatments, (line) => line.includes('/consume'));
  t.equal((await new Task(broker, 'task').consume()).returnValue, 'taken');
  t.match(await errorOf(new Task(broker, 'task').consume()), { code: 'task-unknown' });
});
