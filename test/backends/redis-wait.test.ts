/** wait_replicas: a write is acknowledged when replicas have it, and not before. */
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { connect } from '../support/redis-load.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const TOO_FEW = { code: 'store-unavailable', message: /0 of the 1 replicas .*may have been kept/ };

async function serve(t: Test) {
  const args = ['--repl-diskless-sync-delay', '0'];
  const primary = await RedisServer.start({ args });
  t.teardown(() => primary.stop());
  const replica = await RedisServer.start({ args, replicaOf: primary.port });
  t.teardown(() => replica.stop());
  const admin = new Redis(replica.url);
  t.teardown(() => admin.disconnect());
  const client = new Redis(primary.url);
  t.teardown(() => client.disconnect());
  await until('the replica is in step', async () => (await client.wait(1, 100)) === 1);
  return { primary, replica, admin };
}

t.test('what was acknowledged is on the replica when the primary dies', async (t) => {
  const { primary, admin } = await serve(t);
  const backend = await connect(t, `${primary.url}?wait_replicas=1`);
  const acknowledged: string[] = [];
  const writing = Promise.all(
    Array.from({ length: 500 }, async (_, at) => {
      await backend.setResult(`task-${at}`, { returnValue: at });
      acknowledged.push(`task-${at}`);
      if (acknowledged.length === 100) await primary.kill();
    }).map((write) => write.catch(() => {})),
  );
  await writing;
  t.ok(acknowledged.length >= 100);
  await admin.replicaof('NO', 'ONE');
  const keys = new Set((await admin.keys('resultd:{*}t:*')).map((key) => key.split('}t:')[1]));
  t.strictSame(
    acknowledged.filter((taskId) => !keys.has(taskId)),
    [],
  );
});

t.test('no replica answers: a write is unavailable, also when it is repeated', async (t) => {
  const { primary, replica } = await serve(t);
  const backend = await connect(t, `${primary.url}?wait_replicas=1&wait_timeout=300ms`);
  // On a busy machine the replica may need more than one such time to confirm.
  await until('the replica confirms', () =>
    backend.setResult('before', { returnValue: 1 }).then(
      () => true,
      () => false,
    ),
  );
  replica.freeze();
  t.teardown(() => replica.thaw());
  const write = () => backend.setResult('a', { returnValue: 1 }, { mode: 'create' });
  const began = performance.now();
  let isOver = false;
  const refused = t.rejects(write(), TOO_FEW).then(() => {
    isOver = true;
  });
  let reads = 0;
  while (!isOver) {
    await backend.getResult('before');
    reads += 1;
  }
  await refused;
  t.ok(reads > 2, `reads are not held up: ${reads} were answered meanwhile`);
  t.ok(performance.now() - began >= 300, 'it had the time that it should have');
  await t.rejects(write(), TOO_FEW, 'the same outcome again is no more safe than the first');
  await t.rejects(backend.ping(), TOO_FEW);
  await t.rejects(backend.setProgress('b', { state: 'STARTED' }), TOO_FEW);
  t.equal(await backend.isResultReady('a'), true, 'it has been kept, as the error says it may');
  replica.thaw();
  await until('it can be acknowledged', () =>
    write().then(
      ({ verdict }) => verdict === 'unchanged',
      () => false,
    ),
  );
});

t.test('no replica at all is found out in the time that one has', async (t) => {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const backend = await connect(t, `${server.url}?wait_replicas=1&wait_timeout=100ms`);
  await t.rejects(backend.setResult('a', { returnValue: 1 }), TOO_FEW);
});

t.test('writes that come together share one WAIT', async (t) => {
  const { primary, admin } = await serve(t);
  const backend = await connect(t, `${primary.url}?wait_replicas=1`);
  const items = Array.from({ length: 1_000 }, (_, at) => ({
    taskId: `task-${at}`,
    outcome: { returnValue: at },
  }));
  await backend.setMany(items);
  const client = new Redis(primary.url);
  t.teardown(() => client.disconnect());
  const waits = Number(/cmdstat_wait:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);
  t.ok(waits >= 1 && waits <= 5, `${waits} WAITs`);
  t.equal((await admin.keys('resultd:{*}t:*')).length, 1_000);
});

t.test('a time for replicas that the store does not have is refused', async (t) => {
  const url = 'redis://h?wait_replicas=1&wait_timeout=2s';
  t.throws(() => RedisBackend.fromUrl(url), {
    code: 'invalid-parameter',
    message: /wait_timeout is 2000ms, and must be below the store's time-out of 2000ms/,
  });
});
