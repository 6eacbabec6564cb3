/** Many commands at once go to Redis in few scripts, in their order, and each fails alone. */
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { bucketOf, Keys } from '../../src/backends/redis/keys.js';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { ResultdError } from '../../src/errors.js';
import type { WriteReceipt } from '../../src/result-backend.js';
import { RedisServer } from '../support/redis-server.js';

const keys = new Keys('resultd:');
const ONE_BUCKET = Array.from({ length: 60_000 }, (_, at) => `b${at}`)
  .filter((taskId) => bucketOf(taskId) === 3)
  .slice(0, 100);

async function setUp(t: Test) {
  const server = await RedisServer.start();
  const client = new Redis(server.url);
  const backend = RedisBackend.fromUrl(server.url);
  await backend.startup();
  t.teardown(() => server.stop());
  t.teardown(() => client.disconnect());
  t.teardown(() => backend.shutdown());
  /** How many scripts were run since the last call. */
  async function scripts(): Promise<number> {
    const stats = await client.info('commandstats');
    await client.config('RESETSTAT');
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+).*?rejected_calls=(\d+)/g)];
    return calls.reduce((sum, [, count, rejected]) => sum + Number(count) - Number(rejected), 0);
  }
  return { client, backend, scripts };
}

const items = (ids: readonly string[], returnValue: unknown) =>
  ids.map((taskId) => ({ taskId, outcome: { returnValue } }));

t.test('writes of one bucket share scripts, of at most 32 of them', async (t) => {
  const { backend, scripts } = await setUp(t);
  // Redis knows both scripts from here on.
  await backend.setResult('a', { returnValue: 0 });
  await backend.setMany(items(ONE_BUCKET, 0));
  await scripts();
  const receipts = await backend.setMany(items(ONE_BUCKET, 1));
  t.equal(await scripts(), 4);
  t.ok(receipts.every((receipt) => !(receipt instanceof Error) && receipt.verdict === 'replaced'));
  const found = await backend.getMany(ONE_BUCKET, { body: true, log: false });
  t.ok(found.every((task) => task?.outcome?.toString().includes('"return_value":1,')));
  await backend.setMany(items(ONE_BUCKET.slice(0, 4), 'x'.repeat(400_000)));
  t.equal(await scripts(), 2, 'nor of more than a megabyte');
  await backend.setMany(items(ONE_BUCKET.slice(0, 2), 'x'.repeat(2_000_000)));
  t.equal(await scripts(), 2, 'larger ones go alone');
});

t.test('all commands of one turn keep their order for a task', async (t) => {
  const { backend, scripts } = await setUp(t);
  const [a, b] = ONE_BUCKET as [string, string];
  await scripts();
  const calls = [
    backend.setProgress(a, { state: 'PENDING' }, { mode: 'register' }),
    backend.setResult(a, { returnValue: 1 }, { mode: 'create' }),
    backend.setProgress(b, { state: 'STARTED' }),
    backend.expire(a, 60_000),
    backend.setResult(a, { returnValue: 1 }, { mode: 'create' }),
    backend.delete(b),
  ] as const;
  const receipts = (await Promise.all(calls)).map((receipt) =>
    typeof receipt === 'boolean' ? receipt : receipt?.verdict,
  );
  t.strictSame(receipts, ['created', 'created', 'created', 'done', 'unchanged', true]);
  const consumed = await Promise.all([
    backend.consume(a, { idempotencyKey: 'k' }),
    backend.consume(a, { idempotencyKey: 'k' }),
    backend.consume(a),
  ]);
  t.strictSame(
    consumed.map((task) => task?.outcome?.toString().includes('"return_value":1')),
    [true, true, undefined],
  );
});

t.test('a command that Redis refuses fails alone', async (t) => {
  const { backend, client } = await setUp(t);
  const ids = ONE_BUCKET.slice(0, 5);
  const [first, broken, ...rest] = ids as [string, string, ...string[]];
  await client.set(keys.task('default', broken), 'not a hash');
  await backend.setResult(first, { returnValue: 0 });
  const conflict = {
    taskId: first,
    outcome: { returnValue: 1 },
    options: { mode: 'create' },
  } as const;
  const receipts = await backend.setMany([conflict, ...items([broken, ...rest], 1)]);
  const codes = receipts.map((receipt) =>
    receipt instanceof ResultdError ? receipt.code : (receipt as WriteReceipt).verdict,
  );
  const created = rest.map(() => 'created');
  t.strictSame(codes, ['outcome-conflict', 'store-unavailable', ...created]);
  t.match(receipts[1], { message: /WRONGTYPE/ });
  t.strictSame((await backend.count()).total, 1 + rest.length);
});

t.test('without a connection each of many fails', async (t) => {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const backend = RedisBackend.fromUrl(server.url, { storeTimeoutMs: 500 });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  await backend.setMany(items(ONE_BUCKET, 0));
  await server.kill();
  const receipts = await backend.setMany(items(ONE_BUCKET, 1));
  t.equal(receipts.length, ONE_BUCKET.length);
  for (const receipt of receipts) t.match(receipt, { code: 'store-unavailable' });
});
