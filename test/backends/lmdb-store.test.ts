/** What LMDB's backend keeps in its databases, what it refuses to open, and how much it queues. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { LmdbBackend, type LmdbBackendOptions } from '../../src/backends/lmdb/lmdb-backend.js';
import { FIRST_KEY, INLINE_BYTES, TaskTables } from '../../src/backends/lmdb/task-tables.js';
import { Broker } from '../../src/broker.js';
import { ResultdError } from '../../src/errors.js';
import { NEVER } from '../../src/record/entry.js';
import { until } from '../support/until.js';

const LARGE = { returnValue: 'x'.repeat(2 * INLINE_BYTES), log: 'a log' };
const SMALL = { returnValue: 1 };

async function freshDirectory(test: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd.lmdb-'));
  test.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

async function started(test: Test, options: LmdbBackendOptions): Promise<LmdbBackend> {
  const backend = new LmdbBackend(options);
  await backend.startup();
  test.teardown(() => backend.shutdown());
  return backend;
}

/** How many keys each database holds once `use` is done. */
async function countsAfter(test: Test, use: (backend: LmdbBackend) => Promise<void>) {
  const directory = await freshDirectory(test);
  const backend = await started(test, { directory });
  await use(backend);
  await backend.shutdown();
  const tables = await TaskTables.open(directory);
  const names = ['tasks', 'bodies', 'logs', 'consumed', 'replays', 'expiry', 'listing'] as const;
  const counts = Object.fromEntries(
    names.map((name) => [name, tables[name].getKeysCount({ start: FIRST_KEY })]),
  );
  await tables.close();
  return counts;
}

t.test(
  'the indexes have one key for each task, however often its expiry and its state change',
  async (test) => {
    const counts = await countsAfter(test, async (backend) => {
      for (const ttlMs of [60_000, 90_000, NEVER, 120_000]) {
        await backend.setResult('moved', SMALL, { ttlMs });
        await backend.setProgress('moved', { state: 'DONE' });
        await backend.setProgress('again', { state: `state ${ttlMs}` }, { ttlMs });
        await backend.expire('moved', ttlMs + 1);
      }
      await backend.delete('again');
      await backend.setResult('kept', SMALL, { ttlMs: NEVER });
    });
    test.same(counts, {
      tasks: 2,
      bodies: 0,
      logs: 0,
      consumed: 0,
      replays: 0,
      expiry: 1,
      listing: 2,
    });
  },
);

t.test('a large body and a log stand apart, and go with their outcome', async (test) => {
  const kept = await countsAfter(test, async (backend) => {
    await backend.setResult('large', LARGE);
    await backend.setProgress('large', { state: 'DONE' });
    await backend.expire('large', 60_000);
    const { ready, outcome } = (await backend.getResult('large'))!;
    test.ok(ready && outcome!.length > INLINE_BYTES, 'other writes leave them alone');
  });
  test.same(kept, { tasks: 1, bodies: 1, logs: 1, consumed: 0, replays: 0, expiry: 1, listing: 1 });
  const gone = await countsAfter(test, async (backend) => {
    for (const taskId of ['replaced', 'deleted']) await backend.setResult(taskId, LARGE);
    await backend.setResult('replaced', SMALL);
    await backend.delete('deleted');
  });
  test.same(gone, { tasks: 1, bodies: 0, logs: 0, consumed: 0, replays: 0, expiry: 1, listing: 1 });
});

t.test('a remembered consume has its own expiry, and DELETE forgets it', async (test) => {
  const kept = await countsAfter(test, async (backend) => {
    for (const idempotencyKey of ['clé', '鍵', undefined]) {
      await backend.setResult('a', LARGE);
      await backend.consume('a', idempotencyKey === undefined ? {} : { idempotencyKey });
    }
  });
  test.same(kept, { tasks: 0, bodies: 0, logs: 0, consumed: 1, replays: 2, expiry: 1, listing: 0 });
  const gone = await countsAfter(test, async (backend) => {
    await backend.setResult('a', LARGE);
    await backend.consume('a', { idempotencyKey: 'key' });
    await backend.delete('a');
  });
  test.same(gone, { tasks: 0, bodies: 0, logs: 0, consumed: 0, replays: 0, expiry: 0, listing: 0 });
});

t.test('what has expired leaves every index, however much it is', async (test) => {
  const directory = await freshDirectory(test);
  const backend = await started(test, { directory });
  const ids = Array.from({ length: 30_000 }, (_, at) => `t${at}`);
  const progress = { state: 'STARTED' };
  const TTL_MS = 2_000;
  let last = 0;
  while (ids.length > 0) {
    const some = ids.splice(0, 5_000);
    const receipts = await backend.setMany(
      some.map((taskId) => ({ taskId, progress, options: { ttlMs: TTL_MS } })),
    );
    t.ok(receipts.every((receipt) => !(receipt instanceof Error)));
    last = Date.now() + TTL_MS;
  }
  await until('all is purged', () => Date.now() > last && backend.storedTasks === 0);
  await backend.shutdown();
  const tables = await TaskTables.open(directory);
  test.equal(tables.listing.getKeysCount({ start: FIRST_KEY }), 0);
  test.equal(tables.expiry.getKeysCount({ start: FIRST_KEY }), 0);
  test.same(tables.counts.read('default'), [0, 0, 0, 0, 0, 0]);
  await tables.close();
});

t.test('a group that could not be stored counts nothing', async (test) => {
  const directory = await freshDirectory(test);
  const tables = await TaskTables.open(directory);
  const failing = tables.transaction(() => {
    tables.counts.add('default', '0', 5);
    throw new Error('the disk is full');
  });
  await test.rejects(failing, /full/);
  await tables.transaction(() => tables.counts.add('default', '1', 2));
  test.same(tables.counts.read('default'), [0, 2, 0, 0, 0, 0]);
  await tables.close();
});

t.test('writes beyond the queue are overloaded, and the others are stored', async (test) => {
  const directory = await freshDirectory(test);
  const backend = await started(test, { directory, maxQueuedWrites: 10 });
  const items = Array.from({ length: 15 }, (_, at) => ({ taskId: `t${at}`, outcome: SMALL }));
  const answers = await backend.setMany(items);
  const codes = answers.map((answer) => (answer instanceof ResultdError ? answer.code : 'stored'));
  test.same(codes, [...Array(10).fill('stored'), ...Array(5).fill('overloaded')]);
  test.equal(backend.storedTasks, 10);
});

t.test(
  'bytes that wait are bounded too, but a single write of any size is let in',
  async (test) => {
    const directory = await freshDirectory(test);
    const backend = await started(test, { directory, maxQueuedBytes: 1_000 });
    const writes = [backend.setResult('a', LARGE), backend.setResult('b', SMALL)];
    const [first, second] = await Promise.allSettled(writes);
    test.equal(first?.status, 'fulfilled');
    test.match(second, { status: 'rejected', reason: { code: 'overloaded' } });
  },
);

t.test('a write that fails leaves those of its group alone', async (test) => {
  const directory = await freshDirectory(test);
  const tables = await TaskTables.open(directory);
  tables.tasks.putSync('default\0spoilt', Buffer.alloc(20, 9));
  await tables.close();
  const backend = await started(test, { directory });
  const ids = ['a', 'spoilt', 'b'];
  const answers = await backend.setMany(ids.map((taskId) => ({ taskId, outcome: SMALL })));
  test.match(answers, [
    { verdict: 'created' },
    { code: 'store-unavailable', message: /"spoilt"/ },
    { verdict: 'created' },
  ]);
  await test.rejects(backend.getResult('spoilt'), { code: 'store-unavailable' });
});

t.test('a store of another format is refused, and left as it is', async (test) => {
  const directory = await freshDirectory(test);
  const tables = await TaskTables.open(directory);
  tables.meta.putSync('format', Buffer.from('99'));
  await tables.close();
  const backend = new LmdbBackend({ directory });
  const refusal = { code: 'store-unavailable', message: /format "99".*reads 2 only/ };
  await test.rejects(backend.startup(), refusal);
  await test.rejects(backend.startup(), refusal, 'the lock is free again');
});

t.test('the broker takes a directory relative to its base', async (test) => {
  const baseDirectory = await freshDirectory(test);
  const broker = await Broker.fromUrl('lmdb:./data', { baseDirectory });
  test.equal((broker.resultBackend as LmdbBackend).directory, join(baseDirectory, 'data'));
  await broker.startup();
  await broker.shutdown();
  await test.rejects(Broker.fromUrl('lmdb:'), { code: 'invalid-parameter' });
});

t.test(
  'a directory that cannot be made is an error that says so, and one in others is made',
  async (t) => {
    for (const directory of ['/proc/resultd', '/proc/self/resultd/data', '/dev/null/data']) {
      const refused = await new LmdbBackend({ directory })
        .startup()
        .catch((error: unknown) => error);
      t.match(refused, { code: 'store-unavailable', message: directory });
      t.match((refused as Error).message, /Name a directory that can be made$/);
    }
    const directory = join(await freshDirectory(t), 'in', 'others');
    await started(t, { directory });
  },
);
