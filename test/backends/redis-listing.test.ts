/**
 * The Redis backend's indexes: they hold the tasks that live, little more, and go with them; and the
 * merge of the buckets finds every task once, however unevenly the tasks are spread.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { BUCKETS, bucketOf, Keys } from '../../src/backends/redis/keys.js';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { NEVER } from '../../src/record/entry.js';
import { countedStateOf, noCounts } from '../../src/record/listing.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ListQuery } from '../../src/result-backend.js';
import { Random, testSeed } from '../conformance/random.js';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.js';
import { until } from '../support/until.js';

const keys = new Keys('resultd:');

async function serve(t: Test, options: RedisServerOptions = {}) {
  const server = await RedisServer.start(options);
  const client = new Redis(server.url);
  t.teardown(() => server.stop());
  t.teardown(() => client.disconnect());
  return { server, client };
}

async function connect(t: Test, url: string): Promise<RedisBackend> {
  const backend = RedisBackend.fromUrl(url, { storeTimeoutMs: 60_000 });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

function seeded(t: Test): Random {
  const random = new Random(testSeed());
  t.comment(`seed ${random.seed}; RESULTD_TEST_SEED=${random.seed} runs it again`);
  return random;
}

/** How many tasks the index of a bucket holds, or those of all. */
async function indexed(client: Redis, bucket?: number): Promise<number> {
  const buckets = bucket === undefined ? Array.from({ length: BUCKETS }, (_, at) => at) : [bucket];
  const sizes = buckets.map((bucket) => client.zcard(keys.index('default', bucket)));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / 2;
}

/** Ids of one bucket, made from numbers. */
function idsOfOneBucket(count: number): string[] {
  const ids: string[] = [];
  for (let at = 0; ids.length < count; at += 1) {
    if (bucketOf(`s${at}`) === 7) ids.push(`s${at}`);
  }
  return ids;
}

async function traverse(backend: RedisBackend, query: ListQuery): Promise<TaskSnapshot[]> {
  const found: TaskSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await backend.list({ ...query, cursor });
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

/** As lists say it: the last written first, then by id. */
function inOrder(tasks: readonly TaskSnapshot[]): string[] {
  return tasks
    .map(({ updatedAt, taskId }) => ({ updatedAt, taskId }))
    .sort((a, b) => b.updatedAt - a.updatedAt || (a.taskId < b.taskId ? -1 : 1))
    .map(({ taskId }) => taskId);
}

t.test('after a random workload lists, counts and indexes hold what lives', async (t) => {
  const { server, client } = await serve(t);
  const backend = await connect(t, server.url);
  const random = seeded(t);
  const ids = Array.from({ length: 900 }, (_, at) => `t${at}`);
  const states = ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'half way'];
  const steps: ((taskId: string, ttlMs: number) => Promise<unknown>)[] = [
    (taskId, ttlMs) => backend.setResult(taskId, { returnValue: 1 }, { ttlMs }),
    (taskId, ttlMs) => backend.setException(taskId, { exc_type: 'E' }, { ttlMs }),
    (taskId, ttlMs) => backend.setProgress(taskId, { state: random.pick(states) }, { ttlMs }),
    (taskId, ttlMs) => backend.setProgress(taskId, { state: random.pick(states) }, { ttlMs }),
    (taskId, ttlMs) => backend.expire(taskId, ttlMs),
    (taskId) => backend.consume(taskId).catch(() => {}),
    (taskId) => backend.delete(taskId),
  ];
  for (let round = 0; round < 60; round += 1) {
    const burst = Array.from({ length: 100 }, () =>
      random.pick(steps)(random.pick(ids), random.pick([20, 150, 3_600_000, NEVER])),
    );
    await Promise.all(burst);
  }
  await pause(160);

  const live = (await backend.getMany(ids)).filter((task) => task !== undefined);
  const counts = noCounts();
  for (const task of live) counts[countedStateOf(task.state)] += 1;
  t.same(await backend.count(), { total: live.length, states: counts });
  const held = await indexed(client);
  t.ok(held >= live.length && held <= ids.length, `${held} indexed of ${live.length} that live`);
  for (const limit of [7, 100, 1_000]) {
    const found = await traverse(backend, { limit });
    t.strictSame(
      found.map(({ taskId }) => taskId),
      inOrder(live),
      `pages of ${limit}`,
    );
  }
  for (const state of states) {
    const found = await traverse(backend, { states: [state], limit: 20 });
    const wanted = live.filter((task) => task.state === state);
    t.strictSame(
      found.map(({ taskId }) => taskId),
      inOrder(wanted),
      state,
    );
  }
  t.equal(await indexed(client), live.length, 'lists have taken out what had expired');
});

t.test('an index does not grow with tasks that have expired', async (t) => {
  const { server, client } = await serve(t);
  const backend = await connect(t, server.url);
  const ids = idsOfOneBucket(4_000);
  let largest = 0;
  // A class that is written no more has to be emptied by the writes of another.
  const pending = ids
    .splice(0, 1_000)
    .map((taskId) => backend.setProgress(taskId, { state: 'PENDING' }, { ttlMs: 5 }));
  await Promise.all(pending);
  while (ids.length > 0) {
    const burst = ids.splice(0, 50);
    await Promise.all(burst.map((id) => backend.setResult(id, { returnValue: 1 }, { ttlMs: 5 })));
    largest = Math.max(largest, await indexed(client, 7));
  }
  t.comment(`at the most ${largest} of 3,000`);
  t.ok(largest <= 1_200);
  const [last] = idsOfOneBucket(1) as [string];
  await until('writes have taken out what had expired', async () => {
    await backend.setResult(last, { returnValue: 1 });
    return (await indexed(client, 7)) === 1;
  });
});

t.test('an index goes a second after its last task, and stays for one without end', async (t) => {
  const { server, client } = await serve(t);
  const backend = await connect(t, server.url);
  const [short, endless, other] = idsOfOneBucket(3) as [string, string, string];
  const key = keys.index('default', 7);
  await backend.setResult(short, { returnValue: 1 }, { ttlMs: 40 });
  t.ok((await client.pttl(key)) <= 1_040);
  await backend.setProgress(other, { state: 'STARTED' }, { ttlMs: 160_000 });
  const left = await client.pttl(key);
  t.ok(left > 100_000 && left <= 170_000, `${left} ms`);
  await backend.setResult(endless, { returnValue: 1 }, { ttlMs: NEVER });
  await backend.setProgress(other, { state: 'STARTED' }, { ttlMs: 100 });
  t.equal(await client.pttl(key), -1);
  await backend.delete(endless);
  t.ok((await client.pttl(key)) <= 1_100, 'with the endless one gone, it ends with the rest');
  await until('it is gone', async () => (await client.exists(key)) === 0);
  t.strictSame(await client.keys('*'), []);
});

t.test('tasks that stand in one bucket alone are listed all the same', async (t) => {
  const { server } = await serve(t);
  const backend = await connect(t, server.url);
  const random = seeded(t);
  const ids = idsOfOneBucket(700);
  for (let round = 0; round < 8; round += 1) {
    // At once: many are of the same millisecond.
    const writes = ids.map((id) =>
      backend.setProgress(id, { state: random.pick(['STARTED', 'RETRY', 'half way', 'none']) }),
    );
    await Promise.all(writes.slice(random.below(500)));
  }
  const live = (await backend.getMany(ids)).filter((task) => task !== undefined);
  const instants = new Set(live.map(({ updatedAt }) => updatedAt));
  t.ok(instants.size < live.length / 2, `${live.length} tasks of ${instants.size} milliseconds`);
  for (const query of [{ limit: 23 }, { limit: 50, states: ['half way', 'RETRY'] }, {}]) {
    const wanted = live.filter(({ state }) => query.states?.includes(state) ?? true);
    const found = (await traverse(backend, query)).map(({ taskId }) => taskId);
    t.strictSame(found, inOrder(wanted), JSON.stringify(query));
  }
  const middle = live[350]!.updatedAt;
  const [later, earlier] = [{ updatedAfter: middle }, { updatedBefore: middle }];
  const halves = [...(await traverse(backend, later)), ...(await traverse(backend, earlier))];
  t.strictSame(
    halves.map(({ taskId }) => taskId),
    inOrder(live.filter(({ updatedAt }) => updatedAt !== middle)),
    'the bounds are exclusive',
  );
});

t.test('a page costs two round trips, whatever is stored', async (t) => {
  const { server, client } = await serve(t);
  const backend = await connect(t, server.url);
  const tasks = Array.from({ length: 5_000 }, (_, at) =>
    backend.setProgress(`t${at}`, { state: 'STARTED' }),
  );
  await Promise.all(tasks);
  await backend.list();
  await client.config('RESETSTAT');
  t.equal((await backend.list()).items.length, 100);
  const stats = await client.info('commandstats');
  const calls = (name: string): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1]);
  t.ok(calls('evalsha') >= 256 && calls('evalsha') < 300, `${calls('evalsha')} of indexes`);
  t.ok(calls('hmget') >= 101 && calls('hmget') < 130, `${calls('hmget')} of tasks`);
});

t.test('a replica is listed and counted as well', async (t) => {
  const { server } = await serve(t, { args: ['--repl-diskless-sync-delay', '0'] });
  const writer = await connect(t, server.url);
  await writer.setResult('short', { returnValue: 1 }, { ttlMs: 50 });
  await writer.setResult('a', { returnValue: 1 });
  const { server: replica } = await serve(t, { replicaOf: server.port });
  const reader = await connect(t, replica.url);
  await until('the replica has it', () => reader.isResultReady('a'));
  await until('the short one has expired', async () => !(await reader.isResultReady('short')));
  t.strictSame(
    (await reader.list()).items.map(({ taskId }) => taskId),
    ['a'],
  );
  t.equal((await reader.count()).total, 1);
});

t.test('without listing nothing is indexed, and asking for it is refused', async (t) => {
  const { server, client } = await serve(t);
  const backend = await connect(t, `${server.url}?listing=off`);
  await backend.setProgress('a', { state: 'STARTED' });
  await backend.setResult('a', { returnValue: 1 });
  await backend.expire('a', 60_000);
  t.strictSame(await client.keys('*'), [keys.task('default', 'a')]);
  await backend.consume('a');
  await backend.delete('a');
  t.equal(backend.supports.listing, false);
  await t.rejects(backend.list(), { code: 'unsupported' });
  await t.rejects(backend.count(), { code: 'unsupported' });
});
