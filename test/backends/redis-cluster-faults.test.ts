/** A real cluster of six nodes on bad days: a master killed, slots moved, parts lost. */
import { inspect } from 'node:util';
import slotOf from 'cluster-key-slot';
import { Redis } from 'ioredis';
import t from 'tap';
import { bucketOf } from '../../src/backends/redis/keys.js';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { Hearing } from '../conformance/hearing.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { connect, RedisLoad } from '../support/redis-load.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
t.teardown(() => cluster.stop());
const BUCKET = 7;
const SLOT = slotOf(`resultd:{default.${BUCKET}}t:`);

/** Ids of tasks that all lie in one slot. */
let ids = 0;
function nextIdInSlot(): string {
  do ids += 1;
  while (bucketOf(`task-${ids}`) !== BUCKET);
  return `task-${ids}`;
}

t.test('a slot is where Redis says that it is', async (t) => {
  for (const key of ['', 'a', 'é{ü}b', '{}a', '{a', 'a}{b}c{d}', 'resultd:{default.7}t:x']) {
    const [first] = cluster.servers;
    t.equal(slotOf(key), await cluster.ask(first!, 'CLUSTER', 'KEYSLOT', key), key);
  }
});

t.test('a ping asks every master', async (t) => {
  const backend = await connect(t, cluster.url());
  for (const master of cluster.servers.slice(0, 3)) {
    await cluster.ask(master, 'CONFIG', 'SET', 'maxmemory', '1');
    await t.rejects(backend.ping(), { code: 'store-unavailable', message: /full \(OOM\)/ });
    await cluster.ask(master, 'CONFIG', 'SET', 'maxmemory', '0');
    await backend.ping();
  }
});

t.test('a user needs no more than the documented rights', async (t) => {
  const rights = '~resultd:* &resultd:* +@hash +@sortedset +@keyspace +@scripting';
  const more = '+@connection +publish +subscribe +unsubscribe +time +setrange +cluster|slots';
  const rules = `on >s3cret ${rights} ${more}`.split(' ');
  for (const server of cluster.servers) await cluster.ask(server, 'ACL', 'SETUSER', 'u', ...rules);
  const url = cluster.url('wait_replicas=1').replace('//', '//u:s3cret@');
  const backend = await connect(t, url);
  await backend.subscribe(() => {});
  await backend.ping();
  await backend.setResult('a', { returnValue: 1 });
  await backend.consume('a', { idempotencyKey: 'k' });
  const error: ResultdError = await connect(t, url.replace('s3cret', 'wr0ng')).catch((e) => e);
  t.match(error, { code: 'store-unavailable', message: /refuses .* password \(WRONGPASS\)/ });
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), 'wr0ng');
});

t.test('a server that is no cluster is told so, and a node of one that it is', async (t) => {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const url = server.url.replace('redis:', 'redis+cluster:');
  const off = { code: 'store-unavailable', message: /cluster support disabled/ };
  await t.rejects(RedisBackend.fromUrl(url).startup(), off);
  const single = await connect(t, cluster.servers[0]!.url);
  const errors = await Promise.all(
    ['a', 'b', 'c', 'd'].map((taskId) =>
      single.getStatus(taskId).then(
        () => '',
        (error: ResultdError) => error.message,
      ),
    ),
  );
  t.match(errors.join(), /a node of a cluster \(MOVED\): give a redis\+cluster: URL/);
});

t.test('slots move while their tasks are written and waited for, and nobody notices', async (t) => {
  const backend = await connect(t, cluster.url());
  const load = await RedisLoad.start(backend, nextIdInSlot);
  for (let round = 0; round < 4; round += 1) {
    const from = await cluster.masterOf(SLOT, cluster.servers[0]!);
    const to = cluster.servers.slice(0, 3).find((server) => server !== from)!;
    const before = load.acknowledged.size;
    await until('there is load', () => load.acknowledged.size > before + 50);
    await moveSlot(from, to);
    t.equal((await cluster.masterOf(SLOT, from)).port, to.port);
  }
  const { size } = load.acknowledged;
  await until('there is load', () => load.acknowledged.size > size + 50);
  t.strictSame([...load.met], [], 'not one call failed');
  await load.check(t);
});

t.test('a slot that stays half moved: reads work, writes are unavailable and mend', async (t) => {
  const backend = await connect(t, cluster.url(), { storeTimeoutMs: 4_000 });
  const [old, fresh] = [nextIdInSlot(), nextIdInSlot()];
  await backend.setResult(old, { returnValue: 1 });
  const from = await cluster.masterOf(SLOT, cluster.servers[0]!);
  const to = cluster.servers.slice(0, 3).find((server) => server !== from)!;
  await beginMove(from, to);
  const moved = { code: 'store-unavailable', message: /being moved .*\(TRYAGAIN\)/ };
  await t.rejects(backend.setResult(fresh, { returnValue: 1 }), moved);
  t.equal(await backend.getStatus(fresh), undefined);
  t.equal((await backend.getResult(old))?.ready, true);
  await moveKeys(from, to);
  t.equal((await backend.getResult(old))?.ready, true);
  await endMove(from, to);
  await backend.setResult(fresh, { returnValue: 1 });
});

t.test('a cluster that has lost a slot is unavailable, and comes back', async (t) => {
  const backend = await connect(t, cluster.url());
  await backend.setResult('a', { returnValue: 1 });
  const holder = await cluster.masterOf(SLOT, cluster.servers[0]!);
  for (const server of cluster.servers) await cluster.ask(server, 'CLUSTER', 'DELSLOTS', SLOT);
  const down = { code: 'store-unavailable' };
  await until('the cluster is down', async () =>
    backend.getResult('a').then(
      () => false,
      () => true,
    ),
  );
  await t.rejects(backend.getResult('a'), { ...down, message: /\(CLUSTERDOWN\)/ });
  await t.rejects(backend.setResult('a', { returnValue: 2 }), down);
  await t.rejects(backend.ping(), down);
  await cluster.ask(holder, 'CLUSTER', 'ADDSLOTS', SLOT);
  await cluster.isWell();
  await until('it is back', async () =>
    backend.ping().then(
      () => true,
      () => false,
    ),
  );
  t.equal((await backend.getResult('a'))?.ready, true);
});

t.test('the node that notifications come from is killed: another one takes over', async (t) => {
  const backend = await connect(t, cluster.url());
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const node = await listenedTo();
  await node.kill();
  t.equal(await hearing.until(() => hearing.lost), true, 'listeners are told of the gap');
  await node.restart();
  await cluster.isWell();
  await cluster.isInStep();
  const written = async () => backend.setResult('a', { returnValue: 1 }).catch(() => undefined);
  let version: string | undefined;
  await until('a write succeeds', async () => {
    version = (await written())?.snapshot?.version;
    return version !== undefined;
  });
  t.equal(await hearing.until(() => hearing.has('a', version!)), true, 'and hear again');
});

t.test('a master is killed under load and its replica promoted: nothing is lost', async (t) => {
  const backend = await connect(t, cluster.url('wait_replicas=1'));
  const load = await RedisLoad.start(backend);
  await until('there is load', () => load.acknowledged.size > 200);
  const old = await cluster.masterOf(SLOT, cluster.servers[0]!);
  const other = cluster.servers.find((server) => server !== old)!;
  await old.kill();
  await until(
    'its replica is promoted',
    async () => (await cluster.masterOf(SLOT, other)).port !== old.port,
  );
  // Its place as a replica is what the writes wait for now.
  await old.restart();
  const before = load.acknowledged.size;
  await until('there is load again', () => load.acknowledged.size > before + 200);
  t.ok(load.met.has('store-unavailable'), 'the failover was met');
  await load.check(t);
});

t.test('a node that leaves the cluster is not listened to any more', async (t) => {
  const backend = await connect(t, cluster.url());
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  await cluster.isInStep();
  const node = await listenedTo();
  const id = await cluster.idOf(node);
  const others = cluster.servers.filter((server) => server !== node);
  await becomesReplica(node, id);
  await cluster.ask(node, 'CLUSTER', 'RESET');
  for (const server of others) await cluster.ask(server, 'CLUSTER', 'FORGET', id);
  t.equal(await hearing.until(() => hearing.lost), true, 'listeners are told of the gap');
  const { snapshot } = await backend.setResult('a', { returnValue: 1 });
  t.equal(await hearing.until(() => hearing.has('a', snapshot!.version)), true, 'and hear again');
  t.not(await listenedTo(), node);
});

/** A master hands over to its replica. */
async function becomesReplica(node: RedisServer, id: string): Promise<void> {
  const isReplica = async () => String(await cluster.ask(node, 'ROLE')).startsWith('slave');
  if (await isReplica()) return;
  const nodes = String(await cluster.ask(node, 'CLUSTER', 'NODES'));
  const port = Number(new RegExp(`:(\\d+)@.* slave ${id} `).exec(nodes)?.[1]);
  const replica = cluster.servers.find((server) => server.port === port)!;
  await cluster.ask(replica, 'CLUSTER', 'FAILOVER');
  await until('it is a replica', isReplica);
}

async function beginMove(from: RedisServer, to: RedisServer): Promise<void> {
  const [fromId, toId] = [await cluster.idOf(from), await cluster.idOf(to)];
  await cluster.ask(to, 'CLUSTER', 'SETSLOT', SLOT, 'IMPORTING', fromId);
  await cluster.ask(from, 'CLUSTER', 'SETSLOT', SLOT, 'MIGRATING', toId);
}

/** Ten keys at a time, as redis-cli does. */
async function moveKeys(from: RedisServer, to: RedisServer): Promise<void> {
  for (;;) {
    const keys = (await cluster.ask(from, 'CLUSTER', 'GETKEYSINSLOT', SLOT, 10)) as string[];
    if (keys.length === 0) return;
    await cluster.ask(from, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
  }
}

async function endMove(from: RedisServer, to: RedisServer): Promise<void> {
  const toId = await cluster.idOf(to);
  await cluster.ask(to, 'CLUSTER', 'SETSLOT', SLOT, 'NODE', toId);
  await cluster.ask(from, 'CLUSTER', 'SETSLOT', SLOT, 'NODE', toId);
}

async function moveSlot(from: RedisServer, to: RedisServer): Promise<void> {
  await beginMove(from, to);
  await moveKeys(from, to);
  await endMove(from, to);
}

/** The node that this process has subscribed at. */
async function listenedTo(): Promise<RedisServer> {
  for (const server of cluster.servers) {
    const client = new Redis(server.url);
    const channels = (await client.pubsub('CHANNELS', 'resultd:*')) as string[];
    client.disconnect();
    if (channels.length > 0) return server;
  }
  throw new Error('no node is listened to');
}
