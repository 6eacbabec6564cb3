/** What a real Redis server does on bad days, and what its backend makes of it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { RedisBackend, type RedisBackendOptions } from '../../src/backends/redis/redis-backend.js';
import type { ResultdError } from '../../src/errors.js';
import type { Notification } from '../../src/result-backend.js';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.js';
import { until } from '../support/until.js';

/** Met where the server is frozen; else longer than a busy machine takes. */
const TIMEOUT_MS = 3_000;
const LONG_TIMEOUT_MS = 60_000;

async function serve(t: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  t.teardown(() => server.stop());
  return server;
}

async function connect(t: Test, url: string, options: RedisBackendOptions = {}) {
  const backend = RedisBackend.fromUrl(url, { storeTimeoutMs: LONG_TIMEOUT_MS, ...options });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

const works = (backend: RedisBackend) =>
  backend.ping().then(
    () => true,
    () => false,
  );

/** Every kind of call, on a task that has an outcome. */
function calls(backend: RedisBackend, taskId: string): Record<string, () => Promise<unknown>> {
  return {
    ping: () => backend.ping(),
    getResult: () => backend.getResult(taskId),
    getStatus: () => backend.getStatus(taskId),
    isResultReady: () => backend.isResultReady(taskId),
    getMany: () => backend.getMany([taskId, 'other']),
    setProgress: () => backend.setProgress(taskId, { state: 'STARTED' }),
    expire: () => backend.expire(taskId, 60_000),
    setResult: () => backend.setResult(taskId, { returnValue: 1 }, { mode: 'create' }),
    subscribe: () => backend.namespace('elsewhere').subscribe(() => {}),
    consume: () => backend.consume('other'),
    delete: () => backend.delete('other'),
  };
}

async function allUnavailable(t: Test, backend: RedisBackend, withinMs: number): Promise<void> {
  await Promise.all(
    Object.entries(calls(backend, 'a')).map(async ([name, call]) => {
      const began = performance.now();
      const result = await call().then(
        (value) => ({ code: `an answer: ${value}` }),
        (error: ResultdError) => error,
      );
      const took = performance.now() - began;
      t.equal(result.code, 'store-unavailable', name);
      t.ok(took < withinMs, `${name} took ${Math.round(took)} ms`);
    }),
  );
}

/** Writes tasks one after another, eight at a time, until told to stop. */
function load(backend: RedisBackend) {
  const acknowledged: string[] = [];
  const codes = new Set<string>();
  let isOver = false;
  async function writer(): Promise<void> {
    while (!isOver) {
      const taskId = randomUUID();
      try {
        await backend.setResult(taskId, { returnValue: taskId }, { mode: 'create' });
        acknowledged.push(taskId);
        if ((await backend.getResult(taskId))?.ready !== true) codes.add('an acknowledged absence');
      } catch (error) {
        codes.add((error as ResultdError).code);
        await pause(5);
      }
    }
  }
  const writers = Promise.all(Array.from({ length: 8 }, writer));
  function stop() {
    isOver = true;
    return writers;
  }
  return { acknowledged, codes, stop };
}

t.test('killed under load and started again: nothing acknowledged is lost', async (t) => {
  const server = await serve(t, { appendOnly: true });
  const backend = await connect(t, server.url);
  const { acknowledged, codes, stop } = load(backend);
  for (let round = 0; round < 3; round += 1) {
    const before = acknowledged.length;
    await until('there is load', () => acknowledged.length > before + 100);
    await server.kill();
    codes.delete('store-unavailable');
    await until('a call fails', () => codes.has('store-unavailable'));
    await allUnavailable(t, backend, LONG_TIMEOUT_MS / 2);
    await server.restart();
    await until('it works again', () => works(backend));
  }
  await stop();
  t.strictSame([...codes], ['store-unavailable']);
  const found = await backend.getMany(acknowledged);
  t.equal(found.filter((task) => task?.ready === true).length, acknowledged.length);
});

t.test('frozen: every call ends with its time-out, and all works after the thaw', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, server.url, { storeTimeoutMs: TIMEOUT_MS });
  await backend.setResult('a', { returnValue: 1 });
  const heard: Notification[] = [];
  await backend.subscribe((notification) => heard.push(notification));
  server.freeze();
  t.teardown(() => server.thaw());
  await allUnavailable(t, backend, LONG_TIMEOUT_MS);
  await until('the silence is found', async () => {
    const began = performance.now();
    await backend.getStatus('a').catch(() => {});
    return performance.now() - began < TIMEOUT_MS / 5;
  });
  await allUnavailable(t, backend, LONG_TIMEOUT_MS);
  server.thaw();
  await until('it works again', () => works(backend));
  t.equal((await backend.getResult('a'))?.ready, true);
  await until('listeners hear of the gap', () => heard.some((hint) => 'lost' in hint));
});

t.test('a consume that timed out is repeated safely with its key', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, server.url, { storeTimeoutMs: TIMEOUT_MS });
  await backend.setResult('a', { returnValue: 42 });
  // Redis knows the script from here on: one that it does not know is not run late, either.
  await backend.consume('other');
  server.freeze();
  t.teardown(() => server.thaw());
  await t.rejects(backend.consume('a', { idempotencyKey: 'k' }), { code: 'store-unavailable' });
  server.thaw();
  await until('it was done all the same', async () =>
    backend.getStatus('a').then(
      (task) => task === undefined,
      () => false,
    ),
  );
  const task = await backend.consume('a', { idempotencyKey: 'k' });
  t.match(task?.outcome?.toString(), /"return_value":42/);
  t.equal(await backend.consume('a', { idempotencyKey: 'another' }), undefined);
});

t.test('nothing is sent twice: a write that was cut off is not repeated', async (t) => {
  const server = await serve(t, { appendOnly: true });
  const backend = await connect(t, server.url);
  await backend.setProgress('a', { state: 'BEFORE' });
  server.freeze();
  const cutOff = backend.setProgress('a', { state: 'CUT_OFF' });
  const outcome = t.rejects(cutOff, { code: 'store-unavailable', message: /connection was lost/ });
  await server.kill();
  await outcome;
  await server.restart();
  await until('it works again', () => works(backend));
  t.equal((await backend.getProgress('a'))?.state, 'BEFORE');
});

t.test('after a reconnect listeners are told of the gap, and hear again', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, server.url);
  const heard: Notification[] = [];
  await backend.subscribe((notification) => heard.push(notification));
  const admin = new Redis(server.url);
  t.teardown(() => admin.disconnect());
  for (let round = 0; round < 3; round += 1) {
    heard.length = 0;
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('the gap is told', () => heard.some((hint) => 'lost' in hint));
    const { snapshot } = await backend.setProgress('a', { state: `ROUND_${round}` });
    const { version } = snapshot!;
    await until('the next change is heard', () =>
      heard.some((hint) => 'version' in hint && hint.version === version),
    );
  }
});

t.test('SCRIPT FLUSH under load is not noticed', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, server.url);
  const admin = new Redis(server.url);
  t.teardown(() => admin.disconnect());
  const { acknowledged, codes, stop } = load(backend);
  for (let round = 0; round < 20; round += 1) {
    const before = acknowledged.length;
    await admin.script('FLUSH');
    await until('there is load', () => acknowledged.length > before + 20);
  }
  await stop();
  t.strictSame([...codes], []);
});

t.test('a full store refuses writes, changes nothing, and still answers', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, server.url);
  await backend.setResult('a', { returnValue: 1 });
  const before = (await backend.getResult('a'))?.version;
  const admin = new Redis(server.url);
  t.teardown(() => admin.disconnect());
  await admin.config('SET', 'maxmemory', '1');
  const full = { code: 'store-unavailable', retryable: true, message: /full \(OOM\)/ };
  await t.rejects(backend.setResult('a', { returnValue: 2 }), full);
  await t.rejects(backend.setProgress('a', { state: 'STARTED' }), full);
  await t.rejects(backend.consume('a', { idempotencyKey: 'k' }), full);
  await t.rejects(backend.ping(), full);
  t.equal((await backend.getResult('a'))?.version, before);
});

t.test('a replica answers reads and refuses writes', async (t) => {
  const primary = await serve(t, { args: ['--repl-diskless-sync-delay', '0'] });
  const writer = await connect(t, primary.url);
  await writer.setResult('a', { returnValue: 1 });
  const replica = await serve(t, { replicaOf: primary.port });
  const reader = await connect(t, replica.url);
  await until('the replica has it', async () => (await reader.isResultReady('a')) === true);
  const refused = { code: 'store-unavailable', message: /\(READONLY\)/ };
  await t.rejects(reader.setResult('a', { returnValue: 2 }), refused);
  await t.rejects(reader.ping(), refused);
});
