/**
 * `--processes`: several processes on one port and one Redis. What they share, what happens to one
 * that dies, and how they end together.
 */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import { freePort, RedisServer } from './support/redis-server.js';
import { ServiceProcess } from './support/service-process.js';
import { until } from './support/until.js';

interface Setup {
  readonly service: ServiceProcess;
  readonly pool: Pool;
  readonly redis: RedisServer;
}

async function setUp(t: Test, processes: number, flags: string[] = []): Promise<Setup> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const service = await ServiceProcess.start(t, {
    flags: ['--backend', redis.url, '--processes', String(processes), '--drain', '1s', ...flags],
  });
  await service.untilOutput(new RegExp(`${processes} processes of resultd`));
  const pool = new Pool(service.origin, { connections: 64 });
  t.teardown(() => pool.destroy());
  return { service, pool, redis };
}

/** The ids of the processes that have listened so far. */
function listening({ output }: ServiceProcess): number[] {
  return [...output.matchAll(/"pid":(\d+)[^\n]*Server listening/g)].map(([, pid]) => Number(pid));
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function call(pool: Pool, method: 'GET' | 'POST', path: string, body?: string) {
  const response = await pool.request({
    method,
    path,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body ?? null,
  });
  const { statusCode: status, headers } = response;
  return { status, headers, text: await response.body.text() };
}

const report = (pool: Pool, id: string) =>
  call(pool, 'POST', `/v1/tasks/${id}/result`, `{"return_value":"${id}"}`);

/** Reports until it is taken: as a worker does, past lost connections and refusals. */
async function reportHard(pool: Pool, id: string) {
  let answer: Awaited<ReturnType<typeof report>> | undefined;
  await until(`${id} is taken`, async () => {
    answer = await report(pool, id).catch(() => undefined);
    return answer !== undefined && answer.status < 500;
  });
  return answer!;
}

/** Parks waiters on all processes, and resolves once they are parked. */
async function park(pool: Pool, count: number) {
  const waits = Array.from({ length: count }, (_, n) =>
    call(pool, 'GET', `/v1/tasks/parked-${n}/result?wait=30s`),
  );
  for (const wait of waits) wait.catch(() => {});
  // Later waits, on connections of their own to either process, have been answered.
  for (let n = 0; n < 8; n += 1) await call(pool, 'GET', '/v1/tasks/none/result?wait=1ms');
  return waits;
}

/** Parks waiters, does what makes the service drain, and gives their answers. */
async function drainBy(pool: Pool, signal: () => void) {
  const waits = await park(pool, 40);
  signal();
  return Promise.all(waits);
}

t.test('two processes share a port, and one that dies is replaced', async (t) => {
  const { service, pool } = await setUp(t, 2);
  await until('both listen', () => listening(service).length >= 2);
  const pids = listening(service);

  await t.test('they are two, beside the one that supervises them', async (t) => {
    t.equal(new Set(pids).size, 2);
    t.notOk(pids.includes(service.pid));
  });

  await t.test('an outcome wakes the waiters of both', async (t) => {
    // Connections are handed out in turn, so these are spread over both.
    for (let round = 0; round < 5; round += 1) {
      const waits = Array.from({ length: 16 }, () =>
        call(pool, 'GET', `/v1/tasks/task-${round}/result?wait=30s`),
      );
      t.equal((await report(pool, `task-${round}`)).status, 201);
      const answers = await Promise.all(waits);
      t.ok(answers.every(({ status }) => status === 200));
    }
  });

  await t.test('one that dies is replaced, later each time', async (t) => {
    for (let deaths = 1; deaths <= 3; deaths += 1) {
      process.kill(listening(service).at(-1)!, 'SIGKILL');
      await until('another one listens', () => listening(service).length === 2 + deaths);
      t.equal((await reportHard(pool, `death-${deaths}`)).status, 201, 'the port is served on');
    }
    const pauses = [...service.output.matchAll(/"signal":"SIGKILL"[^\n]*"pauseMs":(\d+)/g)];
    const found = pauses.map(([, ms]) => Number(ms));
    t.same(found, [100, 200, 400]);
    t.ok(lives(pids[0]!), 'the other one was left alone');
  });

  await t.test('one that is told to end by itself drains, and is replaced', async (t) => {
    process.kill(listening(service).at(-1)!, 'SIGTERM');
    await service.untilOutput(/"code":0,[^\n]*is replaced/);
    await until('another one listens', () => listening(service).length === 6);
    t.equal((await reportHard(pool, 'told')).status, 201);
  });

  await t.test('SIGTERM drains all of them', async (t) => {
    const last = listening(service);
    const answers = await drainBy(pool, () => service.signal('SIGTERM'));
    t.ok(answers.every(({ status, headers }) => status === 404 && headers.connection === 'close'));
    t.same(await service.exited, { code: 0, signal: null });
    t.notOk(last.some(lives), 'none is left');
  });
});

t.test('a signal that reaches all of them at once, as Ctrl-C, drains them once', async (t) => {
  const { service, pool } = await setUp(t, 2);
  const pids = listening(service);
  const answers = await drainBy(pool, () => {
    for (const pid of [...pids, service.pid]) process.kill(pid, 'SIGINT');
  });
  t.ok(answers.every(({ status, headers }) => status === 404 && headers.connection === 'close'));
  t.same(await service.exited, { code: 0, signal: null });
  t.notOk(pids.some(lives), 'none is left');
});

t.test('while the store is down, a dead process is tried again until it is back', async (t) => {
  const { service, redis, pool } = await setUp(t, 2);
  await redis.kill();
  process.kill(listening(service).at(-1)!, 'SIGKILL');
  await service.untilOutput(/"code":1[^\n]*is replaced/);
  await redis.restart();
  await until('it listens', () => listening(service).length === 3);
  t.equal((await reportHard(pool, 'task')).status, 201);

  const pids = listening(service);
  service.signal('SIGKILL');
  await until('where the supervisor is killed, its processes end too', () => !pids.some(lives));
});

t.test('a signal while a process starts ends all of them well, and soon', async (t) => {
  const { service } = await setUp(t, 2, ['--drain', '10ms']);
  const { pid } = service;
  const children = (): string[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const before = children();
  process.kill(listening(service).at(-1)!, 'SIGKILL');
  await until('another one starts', () => children().some((child) => !before.includes(child)));
  const sentAt = performance.now();
  service.signal('SIGTERM');
  t.same(await service.exited, { code: 0, signal: null });
  t.ok(performance.now() - sentAt < 60_000, 'without waiting until the time is over');
});

t.test('a store that one process owns is refused, with what to do', async (t) => {
  for (const backend of ['memory:', 'lmdb:./nowhere']) {
    const service = ServiceProcess.spawn(t, { flags: ['--backend', backend, '--processes', '2'] });
    t.same(await service.exited, { code: 2, signal: null }, backend);
    t.match(service.output, '2 processes (--processes, RESULTD_PROCESSES) cannot share');
    t.match(service.output, backend);
    t.match(service.output, '--processes 1');
  }
});

t.test('where the first process cannot start, nothing is left running', async (t) => {
  const port = await freePort();
  const service = ServiceProcess.spawn(t, {
    flags: ['--backend', `redis://127.0.0.1:${port}`, '--processes', '3'],
  });
  t.same(await service.exited, { code: 1, signal: null });
  t.match(service.output, `127.0.0.1:${port}: it cannot be reached`);
  t.equal(service.output.match(/cannot be reached/g)?.length, 1, 'it is said once');
});

t.test('a port that is taken is named, by one process and by several', async (t) => {
  const { service, redis, pool } = await setUp(t, 2, ['--drain', '60s']);
  const { port } = new URL(service.origin);
  for (const processes of ['1', '2']) {
    const other = ServiceProcess.spawn(t, {
      flags: ['--backend', redis.url, '--processes', processes, '--port', port],
    });
    t.same(await other.exited, { code: 1, signal: null });
    t.match(other.output, `cannot listen on port ${port} of 127.0.0.1: another process`);
    t.match(other.output, '--port (RESULTD_PORT)');
    t.notMatch(other.output, / at .*\.js/, 'without a stack');
  }

  await t.test('a second signal ends all processes at once', async (t) => {
    const pids = listening(service);
    const waits = await park(pool, 8);
    service.signal('SIGTERM');
    await service.untilOutput(/shutting down all processes/);
    const sentAt = performance.now();
    service.signal('SIGTERM');
    t.same(await service.exited, { code: 1, signal: null });
    t.ok(performance.now() - sentAt < 60_000);
    await until('none is left', () => !pids.some(lives));
    await Promise.allSettled(waits);
  });
});
