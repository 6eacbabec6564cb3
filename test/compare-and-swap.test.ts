/** What the base of compare-and-swap stores asks of a store: how often, how much, and when again. */
import t, { type Test } from 'tap';
import { ResultdError, storeUnavailable } from '../src/errors.js';
import type { CompareAndSwapLimits } from '../src/result-backend/compare-and-swap.js';
import { RecordedBackend } from './support/recorded-swaps.js';

const create = { mode: 'create' } as const;
const value = (returnValue: unknown) => ({ returnValue });
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `task-${n}`);

async function started(t: Test, limits?: CompareAndSwapLimits): Promise<RecordedBackend> {
  const backend = new RecordedBackend(limits);
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

t.test('a task is made without a load, and every other command loads and swaps', async (t) => {
  const backend = await started(t);
  await backend.setProgress('made', { state: 'PENDING' }, { mode: 'register' });
  t.equal(backend.takeCalls(), '0/1', 'registered');
  await backend.setResult('made-too', value(1), create);
  t.equal(backend.takeCalls(), '0/1', 'created');
  await backend.setResult('made', value(1), create);
  t.equal(backend.takeCalls(), '1/2', 'created where progress is');
  await t.rejects(backend.setResult('made', value(2), create), { code: 'outcome-conflict' });
  t.equal(backend.takeCalls(), '1/1', 'a conflict');
  await backend.setResult('made', value(2));
  t.equal(backend.takeCalls(), '1/1', 'replaced');
  const conditions = { ifMatch: '*' } as const;
  await t.rejects(backend.setResult('none', value(1), { ...create, conditions }), {
    code: 'version-mismatch',
  });
  t.equal(backend.takeCalls(), '1/0', 'what cannot be right for a new task is not tried');
  await backend.consume('made');
  t.equal(backend.takeCalls(), '1/1', 'consumed');
  t.equal(await backend.delete('none'), false);
  t.equal(backend.takeCalls(), '1/0', 'nothing to delete');
});

t.test('what arrives in one turn is loaded in one call, and swapped in one', async (t) => {
  const backend = await started(t);
  await Promise.all(ids(50).map((taskId) => backend.setResult(taskId, value(taskId), create)));
  t.equal(backend.takeCalls(), '0/1', 'creates');
  await Promise.all(ids(50).map((taskId) => backend.expire(taskId, 1_000)));
  t.equal(backend.takeCalls(), '1/1', 'other writes');
  const reads = [...ids(50), ...ids(50)].map((taskId) => backend.getResult(taskId));
  const other = backend.namespace('other').getStatus('task-0');
  const found = await Promise.all(reads);
  t.equal(await other, undefined, 'another namespace has tasks of its own');
  t.same(
    found.map((task) => task?.taskId),
    [...ids(50), ...ids(50)],
  );
  t.equal(backend.loads[0]?.length, 51, 'readers of one task share its load');
  t.equal(backend.takeCalls(), '1/0', 'reads, of two namespaces');
});

t.test('who shares a load is given all that any of them asked for', async (t) => {
  const backend = await started(t);
  await backend.setResult('task', { returnValue: 1, log: 'log' });
  backend.takeCalls();
  const [status, result, logged] = await Promise.all([
    backend.getStatus('task'),
    backend.getResult('task'),
    backend.getResult('task', { withLogs: true }),
    backend.expire('task', 1_000),
  ]);
  t.match(backend.loads[0], [{ parts: { body: true, log: true }, isForSwap: true }]);
  t.equal(status?.outcome, undefined);
  t.match(result?.outcome?.toString(), '"log":null');
  t.match(logged?.outcome?.toString(), '"log":"log"');
});

t.test('the commands of one task in one turn are one swap, in their order', async (t) => {
  const backend = await started(t);
  const receipts = await Promise.all(
    ids(20).map((id) => backend.setProgress('task', { state: id })),
  );
  t.equal(backend.takeCalls(), '1/1');
  const times = receipts.map(({ snapshot }) => snapshot!.updatedAt);
  t.same(
    times,
    times.map((_, n) => times[0]! + n),
    'each is a version of its own',
  );
  t.equal((await backend.getStatus('task'))?.state, 'task-19');
  backend.takeCalls();
  const [removed, made, taken] = await Promise.all([
    backend.delete('task'),
    backend.setResult('task', value(1), create),
    backend.consume('task'),
  ]);
  t.same([removed, made.verdict, taken?.ready], [true, 'created', true]);
  t.equal(backend.takeCalls(), '1/1');
  t.equal(backend.rows.get('default/task')?.entry, undefined, 'only the consume is remembered');
});

t.test('what comes to nothing is not swapped', async (t) => {
  const backend = await started(t);
  const [before, made, after] = await Promise.all([
    backend.delete('task'),
    backend.setResult('task', value(1), create),
    backend.delete('task'),
  ]);
  t.same([before, made.verdict, after], [false, 'created', true]);
  t.equal(backend.takeCalls(), '1/0');
});

t.test('a write does not move the outcome that it leaves as it is', async (t) => {
  const backend = await started(t);
  await backend.setResult('task', { returnValue: 1, log: 'log' });
  await backend.setProgress('task', { state: 'LATE' });
  await backend.expire('task', 60_000);
  t.match(backend.loads.at(-1), [{ parts: { body: false, log: false } }]);
  const taken = await backend.consume('task', { withLogs: true, idempotencyKey: 'key' });
  t.match(taken?.outcome?.toString(), /"log":"log","return_value":1/);
  const again = await backend.consume('task', { withLogs: true, idempotencyKey: 'key' });
  t.same(again?.outcome, taken?.outcome);
});

t.test('what has expired is not stored again, and goes with the next write', async (t) => {
  const backend = await started(t);
  const stored = () => backend.rows.get('default/task');
  backend.clock = Date.now();
  await backend.setResult('task', value(1), { ttlMs: 1_000 });
  await backend.consume('task', { idempotencyKey: 'key' });
  await backend.setResult('task', value(2), { ttlMs: 1_000 });
  t.match(stored(), { keepUntil: backend.clock + 60_000 }, 'as long as the consume');
  backend.clock += 1_000;
  t.equal(await backend.delete('task'), false, 'the outcome has expired');
  t.equal(stored(), undefined);
  await backend.setResult('task', value(1), { ttlMs: 90_000 });
  await backend.consume('task', { idempotencyKey: 'key' });
  backend.clock += 60_000;
  await backend.setProgress('task', { state: 'AGAIN' }, { ttlMs: 5_000 });
  t.match(stored(), { keepUntil: backend.clock + 5_000 });
  t.same(stored()?.consumed, []);
});

t.test('a command that comes during a swap waits, and does not lose to it', async (t) => {
  const backend = await started(t);
  let second: Promise<unknown> | undefined;
  backend.beforeSwap = async () => {
    second ??= backend.setProgress('task', { state: 'B' });
    for (let turns = 0; turns < 4; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await backend.setProgress('task', { state: 'A' });
  await second;
  t.equal(backend.takeCalls(), '2/2');
  t.equal((await backend.getStatus('task'))?.state, 'B');
});

t.test(
  'a refusal before the first write does not wait for the swap, nor fail with it',
  async (t) => {
    const backend = await started(t);
    await backend.setResult('task', value(1));
    backend.beforeSwap = () => Promise.reject(storeUnavailable('cut'));
    const conflict = backend.setResult('task', value(2), {
      ...create,
      conditions: { ifMatch: '*' },
    });
    const write = backend.setResult('task', value(3));
    const after = backend.setResult('task', value(4), create);
    await t.rejects(conflict, { code: 'outcome-conflict' });
    await t.rejects(write, { code: 'store-unavailable' });
    await t.rejects(after, { code: 'store-unavailable' }, 'what it would be told is not sure');
  },
);

t.test('a swap that lost is loaded and decided again', async (t) => {
  const backend = await started(t);
  const elsewhere = await started(t);
  await elsewhere.setResult('task', value('theirs'));
  const theirs = { keepUntil: Date.now() + 60_000, ...elsewhere.rows.get('default/task')! };
  backend.beforeSwap = async ([swap]) => {
    if (backend.swaps.length === 1) backend.put(swap!, theirs);
  };
  await t.rejects(backend.setResult('task', value('ours'), create), { code: 'outcome-conflict' });
  t.equal(backend.takeCalls(), '1/1');
  backend.beforeSwap = async ([swap]) => {
    if (backend.swaps.length < 4) backend.put(swap!, theirs);
  };
  t.equal((await backend.setResult('task', value('ours'))).verdict, 'replaced');
  t.equal(backend.takeCalls(), '4/4');
});

t.test('a swap that always loses is store-unavailable in the end', async (t) => {
  const backend = await started(t);
  backend.beforeSwap = async ([swap]) => {
    const { entry, consumed } = swap!.to!;
    backend.put(swap!, { entry, consumed, keepUntil: Number.POSITIVE_INFINITY });
  };
  const error: unknown = await backend.setProgress('task', { state: 'A' }).catch((e) => e);
  t.match(error, { code: 'store-unavailable', message: /"task"/, retryable: true });
  t.ok(backend.swaps.length > 5 && backend.swaps.length <= 20, `${backend.swaps.length} swaps`);
});

t.test('a swap of which nothing is known is an error, and not asked for again', async (t) => {
  const backend = await started(t);
  await backend.setResult('task', value(1));
  backend.takeCalls();
  for (const answer of [[storeUnavailable('cut')], []]) {
    backend.answerSwaps = () => answer;
    const error: unknown = await backend.expire('task', 1_000).catch((e) => e);
    t.ok(error instanceof Error, String(error));
    t.equal(backend.takeCalls(), '1/1');
  }
});

t.test('a command joins no load that began before it came', async (t) => {
  const backend = await started(t);
  let later: Promise<boolean> | undefined;
  backend.afterLoad = async () => {
    if (later !== undefined) return;
    // Written elsewhere while the first answer is on its way: who asks now must see it.
    const elsewhere = await started(t);
    await elsewhere.setResult('task', value(1));
    backend.put(
      { namespace: 'default', taskId: 'task' },
      {
        keepUntil: Number.POSITIVE_INFINITY,
        ...elsewhere.rows.get('default/task')!,
      },
    );
    later = backend.delete('task');
  };
  t.equal(await backend.delete('task'), false, 'there was nothing when it was loaded');
  t.equal(await later, true, 'there is now');
  t.equal(backend.takeCalls(), '2/1');
});

t.test('one task that fails lets the others be', async (t) => {
  const backend = await started(t);
  await backend.setResult('good', value(1));
  await backend.setResult('bad', value(1));
  backend.answerLoads = (found, loads) =>
    found.map((item, at) => (loads[at]?.taskId === 'bad' ? storeUnavailable('bad') : item));
  const answers = await backend.setMany([
    { taskId: 'bad', outcome: value(2) },
    { taskId: 'good', outcome: value(2) },
  ]);
  t.match(answers, [{ code: 'store-unavailable' }, { verdict: 'replaced' }]);
  t.ok(answers[0] instanceof ResultdError);
});

t.test('a call has so many tasks and bytes, and so many calls run at once', async (t) => {
  const limits = { maxItems: 10, callsAtOnce: 2 };
  const backend = await started(t, { loads: limits, swaps: { ...limits, maxBytes: 5_000 } });
  let running = 0;
  let most = 0;
  const linger = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  backend.afterLoad = linger;
  backend.beforeSwap = linger;
  await Promise.all(ids(45).map((id) => backend.setResult(id, value(1), create)));
  t.same(
    backend.swaps.map(({ length }) => length),
    [10, 10, 10, 10, 5],
  );
  await Promise.all(ids(45).map((id) => backend.getStatus(id)));
  t.same(
    backend.loads.map(({ length }) => length),
    [10, 10, 10, 10, 5],
  );
  backend.takeCalls();
  const large = value('x'.repeat(2_000));
  await Promise.all(ids(7).map((id) => backend.setResult(`large-${id}`, large, create)));
  t.same(
    backend.swaps.map(({ length }) => length),
    [3, 3, 1],
    'a call ends with the task that reaches the bytes',
  );
  t.equal(most, 2);
});

t.test('what a load leaves out is asked for again', async (t) => {
  const backend = await started(t);
  await Promise.all(ids(10).map((id) => backend.setResult(id, value(id), create)));
  backend.takeCalls();
  backend.answerLoads = (found) => found.slice(0, 4);
  const found = await Promise.all(ids(10).map((id) => backend.getResult(id)));
  t.same(
    found.map((task) => task?.taskId),
    ids(10),
  );
  t.same(
    backend.loads.map(({ length }) => length),
    [10, 6, 2],
  );
  backend.answerLoads = () => [];
  await t.rejects(backend.getResult('task-0'), /none of 1 loads was answered/);
});
