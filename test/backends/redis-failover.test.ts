/** Sentinels and a primary that goes, with real servers: what callers notice, and what is kept. */
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { Hearing } from '../conformance/hearing.js';
import { connect, RedisLoad } from '../support/redis-load.js';
import { RedisSentinel, type RedisSentinelOptions } from '../support/redis-sentinel.js';
import { until } from '../support/until.js';

async function serve(t: Test, options?: RedisSentinelOptions): Promise<RedisSentinel> {
  const group = await RedisSentinel.start(options);
  t.teardown(() => group.stop());
  return group;
}

t.test('the primary is killed under load: nothing that replicas confirmed is lost', async (t) => {
  const group = await serve(t);
  const backend = await connect(t, group.url('wait_replicas=1'));
  const load = await RedisLoad.start(backend);
  await until('there is load', () => load.acknowledged.size > 200);
  const old = await group.primary();
  await old.kill();
  const before = load.acknowledged.size;
  await until('there is load on the new primary', () => load.acknowledged.size > before + 200);
  t.not((await group.primary()).port, old.port);
  t.ok(load.met.has('store-unavailable'), 'the failover was met');
  await load.check(t);
});

t.test('a planned failover under load: what every replica confirmed is kept', async (t) => {
  const group = await serve(t, { replicas: 1 });
  const backend = await connect(t, group.url('wait_replicas=1'));
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const load = await RedisLoad.start(backend);
  await until('there is load', () => load.acknowledged.size > 100);
  const old = await group.primary();
  await group.failOver();
  await until('another one is the primary', async () => (await group.primary()).port !== old.port);
  const before = load.acknowledged.size;
  await until('there is load on the new primary', () => load.acknowledged.size > before + 100);
  await load.check(t);
  t.equal(hearing.lost, true, 'listeners were told of the gap');
});

t.test('a primary that was replaced is left at once, though it still takes writes', async (t) => {
  const group = await serve(t, { replicas: 1 });
  const backend = await connect(t, group.url());
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const old = await group.primary();
  // It would be told of its demotion after 20 s only.
  await group.pace(5_000);
  await group.failOver();
  await until('another one is the primary', async () => (await group.primary()).port !== old.port);
  const present = new Redis((await group.primary()).url);
  t.teardown(() => present.disconnect());
  await until('writes go to the new one', async () => {
    await backend.setResult('a', { returnValue: 1 }).catch(() => {});
    return (await present.keys('*t:a')).length > 0;
  });
  t.equal(await hearing.until(() => hearing.lost), true, 'listeners are told of the gap');
  const left = new Redis(old.url);
  t.teardown(() => left.disconnect());
  t.equal(((await left.role()) as unknown[])[0], 'master', 'the old one would still take them');
});

t.test('a frozen primary comes back as a replica, and nobody writes to it', async (t) => {
  const group = await serve(t, { replicas: 1 });
  const backend = await connect(t, group.url());
  const old = await group.primary();
  old.freeze();
  t.teardown(() => old.thaw());
  await until('a write succeeds', () =>
    backend.setResult('a', { returnValue: 1 }).then(
      () => true,
      () => false,
    ),
  );
  const { version } = (await backend.getStatus('a'))!;
  old.thaw();
  const versions = new Set<string | undefined>();
  for (let round = 0; round < 100; round += 1) {
    versions.add((await backend.getStatus('a'))?.version);
  }
  t.strictSame([...versions], [version]);
});

t.test('a primary that was demoted by hand is left at the first write', async (t) => {
  const group = await serve(t, { replicas: 1, sentinels: 1, downAfterMs: 60_000 });
  await group.pace(60_000);
  const backend = await connect(t, group.url());
  await backend.setResult('a', { returnValue: 1 });
  const [primary, replica] = group.servers;
  const admin = new Redis(primary!.url);
  t.teardown(() => admin.disconnect());
  const connections = async () =>
    String(await admin.client('LIST'))
      .split('\n')
      .filter((line) => line.includes('name=resultd'))
      .map((line) => line.split(' ', 1)[0]);
  const before = await connections();
  await admin.replicaof('127.0.0.1', replica!.port);
  await t.rejects(backend.setResult('a', { returnValue: 2 }), { code: 'store-unavailable' });
  await until('the connection is made anew', async () => {
    return !(await connections()).some((id) => before.includes(id));
  });
  await admin.replicaof('NO', 'ONE');
  await until('it is the primary again', () =>
    backend.setResult('a', { returnValue: 3 }).then(
      () => true,
      () => false,
    ),
  );
});

t.test('sentinels that are silent end the startup', async (t) => {
  const group = await serve(t, { replicas: 0, downAfterMs: 60_000 });
  for (const sentinel of group.sentinels) {
    sentinel.freeze();
    t.teardown(() => sentinel.thaw());
  }
  const backend = RedisBackend.fromUrl(group.url(), { storeTimeoutMs: 2_000 });
  await t.rejects(backend.startup(), { code: 'store-unavailable' });
  for (const sentinel of group.sentinels) sentinel.thaw();
  await backend.startup();
  await backend.shutdown();
});

t.test('one sentinel is enough to start, and a password for them is taken', async (t) => {
  const group = await serve(t, { replicas: 0, sentinelPassword: 's3cret', downAfterMs: 60_000 });
  await group.sentinels[0]!.kill();
  group.sentinels[1]!.freeze();
  const rights =
    '~resultd:* &resultd:* +@hash +@sortedset +@keyspace +@scripting +@connection +publish';
  const rules = `on >pa55 ${rights} +subscribe +unsubscribe +time +setrange +info`.split(' ');
  const admin = new Redis(group.servers[0]!.url);
  t.teardown(() => admin.disconnect());
  await admin.call('ACL', 'SETUSER', 'u', ...rules);
  const url = group.url('sentinel_password=s3cret');
  const backend = await connect(t, url.replace('//', '//u:pa55@'));
  await backend.ping();
  await backend.subscribe(() => {});
  await backend.setResult('a', { returnValue: 1 });
  const refused = async (url: string, message: RegExp) => {
    const other = RedisBackend.fromUrl(url, { storeTimeoutMs: 5_000 });
    const error: ResultdError = await other.startup().then(
      () => t.fail('it started'),
      (error) => error,
    );
    t.equal(error.code, 'store-unavailable');
    t.match(error.message, message);
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), /s3cret|wr0ng/);
  };
  await refused(group.url('sentinel_password=wr0ng'), /no sentinel says where it is/);
  await refused(
    group.url('sentinel_password=s3cret').replace('/main', '/other'),
    /other .*no sentinel says where it is \(ERR No such master/,
  );
});
