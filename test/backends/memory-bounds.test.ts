/**
 * What only the memory backend has: a bound on the outcomes that it keeps. The oldest outcome goes
 * first, and its task goes with it, as if it were deleted.
 */
import t, { type Test } from 'tap';
import {
  MemoryBackend,
  type MemoryBackendOptions,
} from '../../src/backends/memory/memory-backend.js';
import { eventually, isError, snapshotIn, success } from '../conformance/expect.js';
import { Hearing } from '../conformance/hearing.js';

async function start(test: Test, options: MemoryBackendOptions): Promise<MemoryBackend> {
  const backend = new MemoryBackend(options);
  await backend.startup();
  test.teardown(() => backend.shutdown());
  return backend;
}

async function present(backend: MemoryBackend, ids: readonly string[]): Promise<string[]> {
  const read = await backend.getMany(ids);
  return ids.filter((_, index) => read[index]?.ready === true);
}

t.test('without a bound nothing is evicted', async (test) => {
  const backend = await start(test, {});
  for (let n = 0; n < 500; n += 1) await backend.setResult(`t-${n}`, success(n));
  test.equal(backend.storedTasks, 500);
});

t.test('above the bound the oldest outcome goes first', async (test) => {
  const backend = await start(test, { maxStoredResults: 3 });
  const ids = ['a', 'b', 'c', 'd', 'e'];
  for (const id of ids) await backend.setResult(id, success(id));
  test.same(await present(backend, ids), ['c', 'd', 'e']);
  test.equal(backend.storedTasks, 3, 'the others take no room');
});

t.test('an eviction takes progress and log along, and notifies as a delete does', async (test) => {
  const backend = await start(test, { maxStoredResults: 1 });
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  await backend.setProgress('old', { state: 'STARTED' });
  await backend.setResult('old', success(1, '"log"'));
  const young = snapshotIn(await backend.setResult('young', success(2)));
  test.equal(await backend.getStatus('old'), undefined);
  test.equal(await backend.getProgress('old'), undefined);
  test.equal(await hearing.until(() => hearing.has('old', null)), true);
  test.same(hearing.of('young'), [young.version], 'the one that stays is heard of too');
  const again = await backend.setResult('old', success(1, '"log"'), { mode: 'create' });
  test.equal(again.verdict, 'created', 'an evicted outcome is as good as unknown');
  test.equal(await backend.getStatus('young'), undefined, 'and pushes out the next one');
});

t.test('an eviction forgets consumes as a delete does', async (test) => {
  const backend = await start(test, { maxStoredResults: 1 });
  await backend.setResult('old', success(1));
  await backend.consume('old', { idempotencyKey: 'k' });
  await backend.setResult('old', success(2));
  await backend.setResult('young', success(3));
  test.equal(await backend.consume('old', { idempotencyKey: 'k' }), undefined);
  test.equal(backend.storedTasks, 1);
});

t.test('a task is as old as its outcome: reads and progress make it no younger', async (test) => {
  const backend = await start(test, { maxStoredResults: 2 });
  await backend.setResult('a', success(1));
  await backend.setResult('b', success(2));
  await backend.setProgress('a', { state: 'RETRY' });
  await backend.expire('a', 1_000_000);
  await backend.getResult('a');
  await backend.setResult('c', success(3));
  test.same(await present(backend, ['a', 'b', 'c']), ['b', 'c']);
  await backend.setResult('b', success('anew'));
  await backend.setResult('d', success(4));
  test.same(await present(backend, ['b', 'c', 'd']), ['b', 'd'], 'a new outcome makes it young');
});

t.test('progress alone is neither counted nor evicted', async (test) => {
  const backend = await start(test, { maxStoredResults: 1 });
  for (let n = 0; n < 20; n += 1) await backend.setProgress(`p-${n}`, { state: 'STARTED' });
  await backend.setResult('a', success(1));
  await backend.setResult('b', success(2));
  test.equal((await backend.getProgress('p-0'))?.state, 'STARTED');
  test.equal(backend.storedTasks, 21);
});

t.test('deleted, consumed and expired outcomes make room', async (test) => {
  const backend = await start(test, { maxStoredResults: 2 });
  await backend.setResult('kept', success(1));
  await backend.setResult('deleted', success(2));
  await backend.delete('deleted');
  await backend.setResult('consumed', success(3));
  await backend.consume('consumed');
  await backend.setResult('expired', success(4), { ttlMs: 1 });
  await eventually(test, () => backend.storedTasks === 2, 'the expired one is swept');
  await backend.setResult('last', success(5));
  test.same(await present(backend, ['kept', 'last']), ['kept', 'last']);
});

t.test('the bound is one for all namespaces', async (test) => {
  const backend = await start(test, { maxStoredResults: 2 });
  const other = backend.namespace('other');
  const hearing = new Hearing();
  await other.subscribe(hearing.listener);
  await other.setResult('a', success(1));
  await backend.setResult('a', success(2));
  await backend.setResult('b', success(3));
  test.equal(await other.getStatus('a'), undefined);
  test.equal(await hearing.until(() => hearing.has('a', null)), true, 'heard of where it was');
  test.same(await present(backend, ['a', 'b']), ['a', 'b']);
});

t.test('a bound that is not above 0 is refused', async (test) => {
  for (const maxStoredResults of [0, -1, Number.NaN]) {
    try {
      new MemoryBackend({ maxStoredResults });
      test.fail(`${maxStoredResults} was taken`);
    } catch (error) {
      isError(test, error, 'invalid-parameter', String(maxStoredResults));
    }
  }
});
