/**
 * The Redis backend and the wait hub behind a connection that misbehaves: cut in the middle of a
 * reply, frozen, slow, dripping, half open, or without notifications.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { ResultdError } from '../../src/errors.js';
import { WITH_BODY } from '../../src/record/entry.js';
import { WaitHub } from '../../src/wait-hub.js';
import { FaultProxy, type ProxiedConnection } from '../support/fault-proxy.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const isSubscriber = (connection: ProxiedConnection): boolean => connection.hasSent('subscribe');
const isCommander = (connection: ProxiedConnection): boolean => !isSubscriber(connection);

/** Without a time-out that is meant to be met it is one that a busy machine does not reach. */
async function setUp(t: Test, storeTimeoutMs = 30_000) {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const proxy = await FaultProxy.start(server.port);
  t.teardown(() => proxy.stop());
  const through = `redis://127.0.0.1:${proxy.port}`;
  const backend = RedisBackend.fromUrl(through, { storeTimeoutMs });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  const direct = RedisBackend.fromUrl(server.url);
  await direct.startup();
  t.teardown(() => direct.shutdown());
  return { proxy, backend, direct };
}

async function startHub(t: Test, backend: RedisBackend, safetyNetMs = 60_000): Promise<WaitHub> {
  const hub = new WaitHub(backend, { safetyNetMs });
  await hub.start();
  t.teardown(async () => {
    await hub.drain(0);
    await hub.stop();
  });
  return hub;
}

const waitFor = (hub: WaitHub, taskId: string) =>
  hub.wait({ taskId, parts: WITH_BODY, timeoutMs: 30_000, caller: 'test' }).result;

const works = (backend: RedisBackend): Promise<boolean> =>
  backend.ping().then(
    () => true,
    () => false,
  );

const isUnavailable = (error: unknown): boolean =>
  error instanceof ResultdError && error.code === 'store-unavailable';

t.test('cut in the middle of replies, under load: what is acknowledged is there', async (t) => {
  const { proxy, backend, direct } = await setUp(t);
  const acknowledged: string[] = [];
  const unknown: string[] = [];
  let isOver = false;
  async function write(): Promise<void> {
    while (!isOver) {
      const taskId = randomUUID();
      try {
        await backend.setResult(taskId, { returnValue: taskId }, { mode: 'create' });
        acknowledged.push(taskId);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        unknown.push(taskId);
        await pause(2);
      }
    }
  }
  const writers = Promise.all(Array.from({ length: 8 }, write));
  for (let round = 0; round < 10; round += 1) {
    const before = acknowledged.length;
    await until('there is load', () => acknowledged.length > before + 50);
    const lost = unknown.length;
    for (const connection of proxy.connections) connection.cutReplyAfter(30 + 7 * round);
    await until('calls have failed', () => unknown.length > lost);
  }
  isOver = true;
  await writers;
  await until('it works again', () => works(backend));
  const found = await direct.getMany(acknowledged);
  t.ok(
    found.every((task) => task?.ready === true),
    `${acknowledged.length} are there`,
  );
  const repeats = await Promise.all(
    unknown.map((id) => backend.setResult(id, { returnValue: id }, { mode: 'create' })),
  );
  const verdicts = new Set(repeats.map(({ verdict }) => verdict));
  t.strictSame(
    [...verdicts].filter((verdict) => verdict !== 'created' && verdict !== 'unchanged'),
    [],
    'what is unknown can be sent again',
  );
  t.ok(verdicts.has('unchanged'), 'some of it had been done');
});

t.test('a reply that is lost: the write was done, and its repeat says so', async (t) => {
  const { proxy, backend, direct } = await setUp(t, 3_000);
  await backend.setResult('known', { returnValue: 1 });
  // Redis knows the scripts from here on: one that it does not know is not run at once.
  await backend.consume('other');
  proxy.toClient = { isFrozen: true };
  await t.rejects(backend.setResult('a', { returnValue: 1 }, { mode: 'create' }), {
    code: 'store-unavailable',
  });
  await t.rejects(backend.consume('known', { idempotencyKey: 'k' }), { code: 'store-unavailable' });
  t.equal((await direct.getResult('a'))?.ready, true);
  t.equal(await direct.getResult('known'), undefined);
  proxy.heal();
  await until('it works again', () => works(backend));
  const repeat = await backend.setResult('a', { returnValue: 1 }, { mode: 'create' });
  t.equal(repeat.verdict, 'unchanged');
  const replay = await backend.consume('known', { idempotencyKey: 'k' });
  t.match(replay?.outcome?.toString(), /"return_value":1/);
});

t.test('slow by 100 to 500 ms all is answered', async (t) => {
  const { proxy, backend } = await setUp(t);
  const hub = await startHub(t, backend);
  for (const delayMs of [100, 250, 500]) {
    proxy.toClient = { delayMs };
    const taskId = `late by ${delayMs}`.replaceAll(' ', '-');
    const waiting = waitFor(hub, taskId);
    const { verdict } = await backend.setResult(taskId, { returnValue: delayMs });
    t.equal(verdict, 'created');
    t.equal((await waiting).reason, 'done');
  }
});

t.test('records expire on time by the clock of a store that answers late', async (t) => {
  const { proxy, backend, direct } = await setUp(t);
  proxy.toClient = { delayMs: 200 };
  await backend.setResult('a', { returnValue: 1 }, { ttlMs: 4_000 });
  t.equal((await backend.getResult('a'))?.ready, true, 'it is not taken for expired too soon');
  await until('it has expired', async () => (await direct.getResult('a')) === undefined);
  t.equal(await backend.getResult('a'), undefined);
});

t.test('replies that drip byte by byte are whole', async (t) => {
  const { proxy, backend } = await setUp(t);
  proxy.toClient = { drip: { bytes: 1, everyMs: 1 } };
  const value = 'x'.repeat(200);
  await backend.setResult('a', { returnValue: value });
  const read = await backend.getResult('a');
  t.match(read?.outcome?.toString(), `"return_value":"${value}"`);
});

t.test('notifications cut alone: waiters are answered without the safety net', async (t) => {
  const { proxy, backend, direct } = await setUp(t);
  const hub = await startHub(t, backend);
  for (let round = 0; round < 5; round += 1) {
    const taskId = `round-${round}`;
    await backend.setProgress(taskId, { state: 'STARTED' });
    const waiting = waitFor(hub, taskId);
    // The command's connection goes on; its writes are heard by nobody for a while.
    t.equal(proxy.cut(isSubscriber), 1);
    await direct.setResult(taskId, { returnValue: round });
    t.equal((await waiting).reason, 'done');
    await until('it listens again', () => proxy.connections.some(isSubscriber));
  }
});

t.test('notifications that are frozen: waiters are answered by the safety net', async (t) => {
  const { proxy, backend, direct } = await setUp(t);
  const hub = await startHub(t, backend, 200);
  const waiting = waitFor(hub, 'a');
  await backend.getStatus('other');
  for (const connection of proxy.connections.filter(isSubscriber)) {
    connection.toClient.follow({ delayMs: 0, isFrozen: true, drip: undefined });
  }
  await direct.setResult('a', { returnValue: 1 });
  t.equal((await waiting).reason, 'done', 'not at the end of its time');
});

t.test('half open connections are found and made anew, with a waiter parked', async (t) => {
  const { proxy, backend, direct } = await setUp(t, 3_000);
  const hub = await startHub(t, backend);
  const waiting = waitFor(hub, 'a');
  // Answered on the same connection after the waiter's first read: from then on it is parked.
  await backend.getStatus('other');
  for (const connection of proxy.connections) connection.abandon();
  await direct.setResult('a', { returnValue: 1 });
  await t.rejects(backend.getResult('a'), { code: 'store-unavailable' });
  await until('it works again', () => works(backend));
  t.equal((await waiting).reason, 'done');
});

t.test('a server that takes connections and says nothing: calls fail', async (t) => {
  const { proxy, backend } = await setUp(t, 3_000);
  proxy.welcome = 'swallow';
  t.equal(proxy.cut(isCommander), 1);
  await until('the cut is noticed', async () => !(await works(backend)));
  for (let round = 0; round < 2; round += 1) {
    await t.rejects(backend.getStatus('a'), { code: 'store-unavailable' });
  }
  const late = RedisBackend.fromUrl(`redis://127.0.0.1:${proxy.port}`, { storeTimeoutMs: 300 });
  await t.rejects(late.startup(), { code: 'store-unavailable' });
  proxy.heal();
  await until('it works again', () => works(backend));
});
