/** Waits for many tasks at the level of the hub: what they read, what they hold, what they survive. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { ResultdError, storeUnavailable } from '../src/errors.js';
import type { TaskEntry } from '../src/record/entry.js';
import type { Listener } from '../src/result-backend.js';
import { WaitHub, type WaitHubOptions } from '../src/wait-hub.js';

/** The memory backend: its batched reads counted, its notifications and reads broken at will. */
class DisturbedBackend extends MemoryBackend {
  readonly batches: number[] = [];
  isDown = false;
  isDeaf = false;
  readonly #listeners: Listener[] = [];

  lose(): void {
    for (const listener of this.#listeners) listener({ lost: true });
  }

  protected override async _readMany(
    namespace: string,
    taskIds: readonly string[],
  ): Promise<(TaskEntry | undefined)[]> {
    this.batches.push(taskIds.length);
    if (this.isDown) throw storeUnavailable('the store is down');
    return Promise.all(taskIds.map((taskId) => this._read(namespace, taskId)));
  }

  protected override _subscribe(namespace: string, listener: Listener) {
    this.#listeners.push(listener);
    return super._subscribe(namespace, (notification) => {
      if (!this.isDeaf) listener(notification);
    });
  }
}

async function open(t: Test, options: WaitHubOptions = {}) {
  const backend = new DisturbedBackend();
  await backend.startup();
  const hub = new WaitHub(backend, options);
  await hub.start();
  t.teardown(async () => {
    await hub.drain(0);
    await hub.stop();
    await backend.shutdown();
  });
  return { backend, hub };
}

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `task-${n}`);
const request = (taskIds: readonly string[], target = taskIds.length) => ({
  taskIds,
  target,
  timeoutMs: 30_000,
  caller: 'test',
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('a wait for a thousand tasks is one waiter and one batched read', async (t) => {
  const { backend, hub } = await open(t);
  const taskIds = idsOf(1_000);
  const wait = hub.waitMany(request([...taskIds, ...taskIds], 1_000));
  t.equal(hub.parked, 1);
  await turn();
  t.same(backend.batches, [1_000]);
  const items = taskIds.map((taskId) => ({ taskId, outcome: { returnValue: 1 } }));
  await backend.setMany(items);
  const { isComplete, ready } = await wait.result;
  t.equal(isComplete, true);
  t.equal(ready.size, 1_000);
  t.same(backend.batches, [1_000, 1_000, 1_000], 'one on the wake, and one to be sure');
  t.equal(hub.parked, 0);
});

t.test('ten thousand parked ids take at most 1 KiB each', async (t) => {
  const { hub } = await open(t);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const taskIds = Array.from({ length: 10_000 }, (_, n) => `${'x'.repeat(30)}-${n}`);
  collect();
  const before = process.memoryUsage().heapUsed;
  const wait = hub.waitMany(request(JSON.parse(JSON.stringify(taskIds)) as string[]));
  for (let turns = 0; turns < 50; turns += 1) await turn();
  collect();
  const each = (process.memoryUsage().heapUsed - before) / 10_000;
  t.ok(each < 1_024, `${each.toFixed(0)} bytes for each id`);
  wait.cancel();
  collect();
  const left = (process.memoryUsage().heapUsed - before) / 10_000;
  t.ok(left < 200, `${left.toFixed(0)} bytes for each id once it is gone`);
  t.equal(hub.parked, 0);
});

t.test('a store that is down at the start fails the wait', async (t) => {
  const { backend, hub } = await open(t);
  backend.isDown = true;
  await t.rejects(hub.waitMany(request(['a'])).result, { code: 'store-unavailable' });
  t.equal(hub.parked, 0);
});

t.test('a parked wait lives through an outage, and lost notifications', async (t) => {
  const { backend, hub } = await open(t, { safetyNetMs: 50 });
  const wait = hub.waitMany(request(['a', 'b']));
  await turn();
  backend.isDown = true;
  await backend.setResult('a', { returnValue: 1 });
  for (let turns = 0; turns < 10; turns += 1) await turn();
  t.equal(hub.parked, 1);
  backend.isDeaf = true;
  await backend.setResult('b', { returnValue: 1 });
  backend.isDown = false;
  t.equal((await wait.result).ready.size, 2, 'the safety net finds both');

  const deaf = hub.waitMany(request(['c']));
  await turn();
  await backend.setResult('c', { returnValue: 1 });
  backend.lose();
  t.equal((await deaf.result).isComplete, true);
});

t.test('a store that fails just when all are ready does not end the wait', async (t) => {
  const { backend, hub } = await open(t, { safetyNetMs: 50 });
  const wait = hub.waitMany(request(['a', 'b']));
  await turn();
  await backend.setResult('a', { returnValue: 1 });
  await backend.setResult('b', { returnValue: 1 });
  const reads = backend.batches.length;
  while (backend.batches.length === reads) await turn();
  backend.isDown = true;
  for (let turns = 0; turns < 10; turns += 1) await turn();
  backend.isDown = false;
  t.equal((await wait.result).ready.size, 2);
});

t.test('a store that is down at the deadline fails the wait', async (t) => {
  const { backend, hub } = await open(t);
  const wait = hub.waitMany({ ...request(['a']), timeoutMs: 50 });
  await turn();
  backend.isDown = true;
  const error = await wait.result.catch((thrown: unknown) => thrown);
  t.ok(error instanceof ResultdError && error.code === 'store-unavailable');
  t.equal(hub.parked, 0);
});

t.test('waits that share a task each get their answer, one that is given up none', async (t) => {
  const { backend, hub } = await open(t);
  const first = hub.waitMany(request(['a', 'b'], 1));
  const second = hub.waitMany(request(['a', 'b'], 2));
  const third = hub.waitMany(request(['a'], 1));
  await turn();
  third.cancel();
  third.cancel();
  t.equal(hub.parked, 2);
  await backend.setResult('a', { returnValue: 1 });
  t.same([...(await first.result).ready.keys()], ['a']);
  await backend.setResult('b', { returnValue: 1 });
  t.equal((await second.result).ready.size, 2);
  t.equal(hub.parked, 0);
});
