/** How the Redis backend gets to its server: credentials, rights, clock and expiry. */
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { RedisBackend, type RedisBackendOptions } from '../../src/backends/redis/redis-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { NEVER } from '../../src/record/entry.js';
import { Random, testSeed } from '../conformance/random.js';
import { freePort, RedisServer, type RedisServerOptions } from '../support/redis-server.js';

async function serve(t: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  t.teardown(() => server.stop());
  return server;
}

async function connect(t: Test, url: string, options: RedisBackendOptions = {}) {
  const backend = RedisBackend.fromUrl(url, options);
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

/** The error of a startup, which must not give away the password. */
async function refusal(t: Test, url: string, storeTimeoutMs = 5_000): Promise<ResultdError> {
  const backend = RedisBackend.fromUrl(url, { storeTimeoutMs });
  const error = await backend.startup().then(
    () => t.fail('it started') as never,
    (error: ResultdError) => error,
  );
  t.equal(error.code, 'store-unavailable');
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /s3cret|p%40ss/);
  await backend.shutdown();
  return error;
}

t.test('without the client package the broker says what to install', async (t) => {
  const hook = `export async function resolve(name, context, next) {
    if (name !== 'ioredis') return next(name, context);
    const error = new Error("Cannot find package 'ioredis' imported from here");
    throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
  }`;
  const broker = new URL('../../src/broker.js', import.meta.url).href;
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))});
    const { Broker } = await import('${broker}');
    await Broker.fromUrl('redis://h').catch((error) => console.log(error.code, error.message));`;
  const args = ['--input-type=module', '--eval', script];
  const said = execFileSync(process.execPath, args, { encoding: 'utf8', env: {} });
  t.match(said, /^invalid-parameter .*run npm install ioredis/);
});

t.test('no server: startup says where and why', async (t) => {
  const port = await freePort();
  const error = await refusal(t, `redis://u:s3cret@127.0.0.1:${port}`);
  t.match(error.message, `127.0.0.1:${port}`);
  t.match(error.message, 'ECONNREFUSED');
});

t.test('a frozen server: startup ends in time', async (t) => {
  const server = await serve(t);
  server.freeze();
  t.match((await refusal(t, server.url, 300)).message, /did not answer in time/);
});

t.test('a password is asked for, and checked', async (t) => {
  const { port } = await serve(t, { password: 'p@ss' });
  t.match((await refusal(t, `redis://127.0.0.1:${port}`)).message, 'NOAUTH');
  t.match((await refusal(t, `redis://:s3cret@127.0.0.1:${port}`)).message, 'WRONGPASS');
  const backend = await connect(t, `redis://:p%40ss@127.0.0.1:${port}`);
  await backend.ping();
});

t.test('a database that is not there is refused, and another one is kept apart', async (t) => {
  const { url } = await serve(t);
  t.match((await refusal(t, `${url}/99`)).message, 'DB index is out of range');
  const second = await connect(t, `${url}/2`);
  await second.setResult('a', { returnValue: 1 });
  const first = await connect(t, url);
  t.equal(await first.getStatus('a'), undefined);
});

t.test(
  'a user needs no more than the documented rights, and the lack of one is told',
  async (t) => {
    const rights = '~resultd:* &resultd:* +@hash +@sortedset +@keyspace +@scripting +@connection';
    const { port } = await serve(t, {
      users: [
        'user default off',
        `user worker on >s3cret ${rights} +publish +subscribe +unsubscribe +time +setrange`,
        `user reader on >s3cret ${rights} -@all +hmget +time +ping +hello`,
        `user unlisted on >s3cret ${rights} +publish +time +setrange -@sortedset`,
        `user wordless on >s3cret ${rights} +publish +time +setrange -@scripting`,
      ],
    });
    const warnings: string[] = [];
    const worker = await connect(t, `redis://worker:s3cret@127.0.0.1:${port}`, {
      onWarning: (message) => warnings.push(message),
    });
    await worker.subscribe(() => {});
    await worker.ping();
    await worker.setProgress('a', { state: 'STARTED' });
    await worker.setResult('a', { returnValue: 1, log: 'x' });
    await worker.expire('a', NEVER);
    t.equal((await worker.list()).items.length, (await worker.count()).total);
    t.equal((await worker.consume('a', { idempotencyKey: 'k' }))?.ready, true);
    t.equal(await worker.delete('a'), false);
    t.strictSame(warnings, [], 'CONFIG is forbidden, and nothing is said');
    const reader = await connect(t, `redis://reader:s3cret@127.0.0.1:${port}`);
    t.equal(await reader.getStatus('a'), undefined);
    const error = await reader.setResult('a', { returnValue: 1 }).catch((error) => error);
    t.match(error, { code: 'store-unavailable', message: /\(NOPERM\)/ });
    const unlisted = await connect(t, `redis://unlisted:s3cret@127.0.0.1:${port}`);
    await t.rejects(unlisted.setResult('b', { returnValue: 1 }), { message: /\(NOPERM\)/ });
    t.equal(await unlisted.getStatus('b'), undefined, 'what failed has changed nothing');
    const wordless = await connect(t, `redis://wordless:s3cret@127.0.0.1:${port}`);
    for (const backend of [unlisted, wordless]) {
      await t.rejects(backend.ping(), { message: /\(NOPERM\)/ }, 'a service on it is not ready');
    }
  },
);

t.test('a store that may drop results is warned of, once', async (t) => {
  const { url } = await serve(t, { args: ['--maxmemory-policy', 'allkeys-lru'] });
  const warnings: string[] = [];
  const options = { onWarning: (message: string) => warnings.push(message) };
  const backend = await connect(t, url, options);
  await backend.ping();
  t.equal(warnings.length, 1);
  t.match(warnings[0], /allkeys-lru.*noeviction/);
});

t.test('a wall clock that is wrong, here, makes nothing absent and keeps nothing', async (t) => {
  const { url } = await serve(t);
  const backend = await connect(t, url);
  const { now } = Date;
  for (const skewMs of [3_600_000, -3_600_000]) {
    Date.now = () => now() + skewMs;
    t.teardown(() => {
      Date.now = now;
    });
    await backend.setResult('a', { returnValue: 1 }, { ttlMs: 100_000 });
    await backend.setProgress('a', { state: 'STARTED' }, { ttlMs: 2_000 });
    t.match((await backend.getStatus('a'))?.version, /\.op$/);
    await pause(2_010);
    t.match((await backend.getStatus('a'))?.version, /\.o$/);
  }
});

t.test('a key has an expiry exactly where its records have one, and goes with it', async (t) => {
  const { url } = await serve(t);
  const backend = await connect(t, url);
  const client = new Redis(url);
  t.teardown(() => client.disconnect());
  const random = new Random(testSeed());
  t.comment(`seed ${random.seed}; RESULTD_TEST_SEED=${random.seed} runs it again`);
  const steps: ((taskId: string, ttlMs: number) => Promise<unknown>)[] = [
    (taskId, ttlMs) => backend.setResult(taskId, { returnValue: 1, log: 'x' }, { ttlMs }),
    (taskId, ttlMs) => backend.setProgress(taskId, { state: 'STARTED' }, { ttlMs }),
    (taskId, ttlMs) => backend.expire(taskId, ttlMs),
    (taskId) => backend.consume(taskId, { idempotencyKey: 'k' }).catch(() => {}),
    (taskId) => backend.delete(taskId),
  ];
  for (let step = 0; step < 1_000; step += 1) {
    const ttlMs = random.pick([30, 500, 86_400_000, NEVER]);
    await random.pick(steps)(`t${random.below(60)}`, ttlMs);
  }
  const keys = await client.keys('*');
  const forEver = new Set<string>();
  for (const key of keys.filter((key) => key.includes('}t:'))) {
    const task = await backend.getStatus(key.slice(key.lastIndexOf(':') + 1));
    if (task !== undefined && task.expiresAt === undefined)
      forEver.add(key).add(key.replace(/\}.*/, '}i'));
  }
  for (const key of keys) {
    const ttl = await client.pttl(key);
    if (ttl === -2) continue;
    if (forEver.has(key) !== (ttl === -1)) t.fail(`${key} has a ttl of ${ttl}`);
  }
  await Promise.all(Array.from({ length: 60 }, (_, at) => backend.expire(`t${at}`, 20)));
  await pause(25);
  t.strictSame(
    (await client.keys('*')).filter((key) => key.includes('}t:')),
    [],
  );
});
