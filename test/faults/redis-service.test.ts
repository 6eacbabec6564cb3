/**
 * The running service on Redis, on bad days: replicas that wake each other's waiters, and a server
 * that is down, killed, frozen, and back again.
 */
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import { RedisServer } from '../support/redis-server.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

interface Setup {
  readonly redis: RedisServer;
  readonly pools: readonly Pool[];
}

async function setUp(t: Test, { replicas = 1 } = {}): Promise<Setup> {
  const redis = await RedisServer.start({ appendOnly: true });
  t.teardown(() => redis.stop());
  const pools: Pool[] = [];
  for (let n = 0; n < replicas; n += 1) {
    const service = await ServiceProcess.start(t, { env: { RESULTD_BACKEND: redis.url } });
    const pool = new Pool(service.origin, { connections: 32 });
    t.teardown(() => pool.destroy());
    pools.push(pool);
  }
  return { redis, pools };
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

async function call(
  pool: Pool,
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: string,
): Promise<Answer> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await pool.request({ method, path, headers, body: body ?? null });
  return {
    status: response.statusCode,
    retryAfter: response.headers['retry-after'] as string | undefined,
    text: await response.body.text(),
  };
}

const report = (pool: Pool, id: string): Promise<Answer> =>
  call(pool, 'POST', `/v1/tasks/${id}/result`, `{"return_value":"${id}"}`);
const read = (pool: Pool, id: string, query = ''): Promise<Answer> =>
  call(pool, 'GET', `/v1/tasks/${id}/result${query}`);

/** Asks again until the service takes writes. */
async function untilBack(pool: Pool): Promise<void> {
  await until('the service comes back', async () => {
    return (await call(pool, 'PUT', '/v1/tasks/probe/status', '{"state":"UP"}')).status < 500;
  });
}

/** Every kind of request on a task that is there. */
const REQUESTS: readonly [Parameters<typeof call>[1], string, string?][] = [
  ['GET', '/v1/tasks/there/result'],
  ['HEAD', '/v1/tasks/there/result'],
  ['GET', '/v1/tasks/there/result?wait=20s'],
  ['GET', '/v1/tasks/there/exception'],
  ['GET', '/v1/tasks/there/status'],
  ['GET', '/v1/tasks/there'],
  ['POST', '/v1/tasks/fresh/result', '{"return_value":1}'],
  ['PUT', '/v1/tasks/fresh/result', '{"return_value":1}'],
  ['PUT', '/v1/tasks/fresh/status', '{"state":"STARTED"}'],
  ['PUT', '/v1/tasks/there/expiry', '{"ttl":"1h"}'],
  ['POST', '/v1/tasks/there/result/consume'],
  ['DELETE', '/v1/tasks/there'],
  ['POST', '/v1/batch/get', '{"task_ids":["there","b c"]}'],
  ['POST', '/v1/batch/wait', '{"task_ids":["there"],"wait":0}'],
  ['POST', '/v1/batch/delete', '{"task_ids":["there","b c","there"]}'],
  [
    'POST',
    '/v1/batch/set',
    '{"items":[{"task_id":"fresh","progress":{"state":"A"}},{"task_id":"b c","progress":{"state":"A"}}]}',
  ],
];

/** All of them are refused with 503 while the store is away, and none is taken for 'not there'. */
async function assertUnavailable(t: Test, pool: Pool): Promise<void> {
  await Promise.all(
    REQUESTS.map(async ([method, path, body]) => {
      const { status, retryAfter, text } = await call(pool, method, path, body);
      t.equal(status, 503, `${method} ${path}`);
      t.match(retryAfter, /^\d+$/, 'with Retry-After');
      if (method !== 'HEAD') t.match(text, 'urn:resultd:problem:store-unavailable');
    }),
  );
}

t.test('an outcome posted to one replica wakes a waiter on the other', async (t) => {
  const { pools } = await setUp(t, { replicas: 2 });
  const [one, other] = pools as [Pool, Pool];
  for (let round = 0; round < 20; round += 1) {
    const id = `task-${round}`;
    const unchanged = call(one, 'GET', `/v1/tasks/${id}/status?wait=30s`);
    const waits = [read(one, id, '?wait=30s'), read(other, id, '?wait=30s')];
    t.equal((await report(round % 2 === 0 ? one : other, id)).status, 201);
    for (const answer of await Promise.all(waits)) t.equal(answer.status, 200);
    t.equal((await unchanged).status, 200);
  }
});

t.test(
  'a killed Redis costs 503s; what it kept is there, and parked waiters get theirs',
  async (t) => {
    const { redis, pools } = await setUp(t, { replicas: 2 });
    const [one, other] = pools as [Pool, Pool];
    t.equal((await report(one, 'there')).status, 201);
    t.equal(
      (await call(one, 'POST', '/v1/tasks/parked/status', '{"state":"PENDING"}')).status,
      201,
    );
    const waits = [one, other].flatMap((pool) =>
      ['parked', 'unknown'].map((id) => read(pool, id, '?wait=50s')),
    );
    await untilParked([one, other]);

    await redis.kill();
    await Promise.all([one, other].map((pool) => assertUnavailable(t, pool)));
    await redis.restart();
    await Promise.all([one, other].map(untilBack));

    t.equal((await read(one, 'there')).status, 200, 'what was acknowledged is there');
    t.equal((await report(other, 'parked')).status, 201);
    t.equal((await report(one, 'unknown')).status, 201);
    for (const answer of await Promise.all(waits)) t.equal(answer.status, 200, 'a parked waiter');
  },
);

t.test('a frozen Redis costs 503s in time; once thawed, all goes on', async (t) => {
  const { redis, pools } = await setUp(t, { replicas: 2 });
  const [one, other] = pools as [Pool, Pool];
  t.equal((await report(one, 'there')).status, 201);
  const waits = [one, other].map((pool) => read(pool, 'parked', '?wait=50s'));
  await untilParked([one, other]);

  redis.freeze();
  await Promise.all([one, other].map((pool) => assertUnavailable(t, pool)));
  redis.thaw();
  await Promise.all([one, other].map(untilBack));

  // A request that was refused while it was frozen may have been carried out: its 503 meant so.
  t.equal((await report(one, 'parked')).status, 201);
  for (const answer of await Promise.all(waits)) t.equal(answer.status, 200, 'a parked waiter');
});

t.test('a waiter whose time is up while the store is down is told so', async (t) => {
  const { redis, pools } = await setUp(t);
  const pool = pools[0]!;
  const wait = read(pool, 'parked', '?wait=2s');
  await untilParked([pool]);
  await redis.kill();
  const { status, text } = await wait;
  t.equal(status, 503);
  t.match(text, 'urn:resultd:problem:store-unavailable');
});

t.test(
  'a store that has failed for 10 s makes the process not ready, until it is back',
  async (t) => {
    const { redis, pools } = await setUp(t);
    const pool = pools[0]!;
    t.equal((await call(pool, 'GET', '/readyz')).status, 200);
    await redis.kill();
    const killedAt = Date.now();
    await until('not ready', async () => (await call(pool, 'GET', '/readyz')).status === 503);
    t.ok(Date.now() - killedAt >= 8_000, 'a short outage does not take it out of service');
    t.equal((await call(pool, 'GET', '/livez')).status, 200, 'it lives all the while');
    await redis.restart();
    await until('ready', async () => (await call(pool, 'GET', '/readyz')).status === 200);
  },
);

t.test('one whose store takes no writes from the start is not ready before it does', async (t) => {
  const redis = await RedisServer.start({ args: ['--min-replicas-to-write', '1'] });
  t.teardown(() => redis.stop());
  const service = await ServiceProcess.start(t, { env: { RESULTD_BACKEND: redis.url } });
  const pool = new Pool(service.origin);
  t.teardown(() => pool.destroy());
  const { status, text } = await call(pool, 'GET', '/readyz');
  t.equal(status, 503);
  t.match(text, 'urn:resultd:problem:store-unavailable');
  t.match(service.output, 'NOREPLICAS', 'the log says why');
  t.equal((await call(pool, 'GET', '/livez')).status, 200);
  const replica = await RedisServer.start({ replicaOf: redis.port });
  t.teardown(() => replica.stop());
  await until('ready', async () => (await call(pool, 'GET', '/readyz')).status === 200);
  t.equal((await report(pool, 'task')).status, 201);
});

/**
 * Waits until earlier requests on these pools have been read from the store: a later one of the
 * same kind, to a task that is there, has been answered.
 */
async function untilParked(pools: readonly Pool[]): Promise<void> {
  for (const pool of pools) {
    for (let n = 0; n < 3; n += 1) await read(pool, 'nothing', '?wait=1ms');
  }
}
