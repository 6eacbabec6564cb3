/**
 * The PostgreSQL backend on bad days: connections that are cut in the middle of a write and of a hint,
 * or ended by an administrator; a table that another transaction has locked; a full disk; a server
 * that is killed under load.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { PostgresBackend } from '../../src/backends/postgres/postgres-backend.js';
import { ResultdError } from '../../src/errors.js';
import { WITH_BODY } from '../../src/record/entry.js';
import { WaitHub } from '../../src/wait-hub.js';
import { Hearing } from '../conformance/hearing.js';
import { FaultProxy, type ProxiedConnection } from '../support/fault-proxy.js';
import { freshDirectory, PostgresServer, serverUser } from '../support/postgres-server.js';
import { until } from '../support/until.js';

const isListening = (connection: ProxiedConnection): boolean => connection.hasSent('listen "');
const FROZEN = { delayMs: 0, isFrozen: true, drip: undefined };
/** Longer than anything that is not stopped takes on a busy machine. */
const LONG_MS = 60_000;

async function startServer(t: Test): Promise<PostgresServer> {
  const server = await PostgresServer.start();
  t.teardown(() => server.stop());
  return server;
}

async function startBackend(
  t: Test,
  port: number,
  storeTimeoutMs = 10_000,
): Promise<PostgresBackend> {
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const backend = PostgresBackend.fromUrl(url, { storeTimeoutMs });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

async function startProxy(t: Test, server: PostgresServer): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(server.port);
  t.teardown(() => proxy.stop());
  return proxy;
}

const failureOf = (call: Promise<unknown>): Promise<ResultdError | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ResultdError && error.code === 'store-unavailable') return error;
      throw error;
    },
  );

const works = async (backend: PostgresBackend): Promise<boolean> =>
  (await failureOf(backend.ping())) === undefined;

/** The server's processes that serve resultd, but for one that listens. */
async function sessionsOf(server: PostgresServer, state = '%'): Promise<number[]> {
  const { rows } = await server.query(
    `select pid from pg_stat_activity where application_name = 'resultd'
      and query not like 'listen%' and coalesce(wait_event_type, '') like '${state}' order by pid`,
  );
  return rows.map(({ pid }) => pid);
}

t.test('cut before the answer: a write is done once, and its fate is called unknown', async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server);
  const backend = await startBackend(t, proxy.port);
  const direct = await startBackend(t, server.port);
  const first = (await backend.setResult('task', { returnValue: 1 })).snapshot!.version;
  for (const connection of proxy.connections) {
    // The task is loaded before it is written.
    if (!connection.hasSent('resultd_load')) connection.toClient.follow(FROZEN);
  }
  const write = failureOf(backend.setResult('task', { returnValue: 2 }));
  const versionNow = async () => (await direct.getStatus('task'))?.version;
  await until('the write is done', async () => (await versionNow()) !== first);
  const before = await versionNow();
  proxy.cut();
  t.match((await write)?.message, /connection was lost before the answer; a write may have been/);
  await until('the connections are back', () => works(backend));
  t.equal(await versionNow(), before, 'it was not done again');
});

t.test('cut with a hint on its way: a waiter wakes, since hints were lost', async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server);
  const backend = await startBackend(t, proxy.port);
  const direct = await startBackend(t, server.port);
  const hub = new WaitHub(backend, { safetyNetMs: LONG_MS });
  await hub.start();
  t.teardown(async () => {
    await hub.drain(0);
    await hub.stop();
  });
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const others = new Hearing();
  await direct.subscribe(others.listener);
  const began = performance.now();
  const waiter = hub.wait({
    taskId: 'task',
    parts: WITH_BODY,
    timeoutMs: 2 * LONG_MS,
    caller: 'test',
  });
  await until('it is parked', () => hub.parked === 1);
  const [listening] = proxy.connections.filter(isListening);
  listening!.toClient.follow(FROZEN);
  await direct.setResult('task', { returnValue: 1 });
  await others.until(() => others.of('task').length > 0, LONG_MS);
  t.same(hearing.heard, [], 'the hint was swallowed');
  listening!.cut();
  t.equal((await waiter.result).snapshot?.ready, true);
  t.ok(performance.now() - began < LONG_MS, 'before the safety net would have looked');
  t.equal(await hearing.until(() => hearing.lost, LONG_MS), true, 'and it is said so');
});

t.test('connections that an administrator ends are made anew, and nobody notices', async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server);
  const backend = await startBackend(t, proxy.port);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  await backend.setResult('task', { returnValue: 1 });
  // So that calls come while the connections are being made.
  proxy.toServer = { delayMs: 200 };
  for (let round = 0; round < 5; round += 1) {
    const before = await sessionsOf(server);
    await server.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'resultd'",
    );
    await until('they have gone', async () => {
      const now = await sessionsOf(server);
      return before.every((pid) => !now.includes(pid));
    });
    const calls = [
      backend.isResultReady('task'),
      backend.setProgress('task', { state: 'STARTED' }),
      backend.count(),
    ].map(failureOf);
    for (const failure of calls) t.equal(await failure, undefined, 'no call fails');
  }
  t.equal(await hearing.until(() => hearing.lost, LONG_MS), true, 'hints may have been missed');
  const { snapshot } = await backend.setResult('after', { returnValue: 1 });
  const hears = () => hearing.has('after', snapshot!.version);
  t.equal(await hearing.until(hears, LONG_MS), true, 'later ones are heard');
});

t.test('a locked table: statements are cancelled, and none is left behind', async (t) => {
  const server = await startServer(t);
  const backend = await startBackend(t, server.port, 2_000);
  await backend.setResult('there', { returnValue: 1 });
  const before = await sessionsOf(server);
  const blocker = await server.connect();
  t.teardown(() => blocker.end());
  await blocker.query('begin; lock table resultd_tasks in access exclusive mode');
  const calls = [
    backend.setResult('task', { returnValue: 1 }, { mode: 'create' }),
    backend.setProgress('there', { state: 'STARTED' }),
    backend.getResult('there'),
    backend.count(),
    backend.list(),
    backend.ping(),
  ].map(failureOf);
  for (const failure of calls) t.match((await failure)?.message, /cancelled.*57014/);
  await until('no statement waits any more', async () => {
    return (await sessionsOf(server, 'Lock')).length === 0;
  });
  await blocker.query('rollback');
  t.equal(await backend.isResultReady('task'), false, 'a write that failed is not done later');
  t.same((await backend.getStatus('there'))?.progress, undefined);
  await backend.setResult('task', { returnValue: 1 }, { mode: 'create' });
  t.same(await sessionsOf(server), before, 'the connections are the same ones');
});

t.test('a locked row: its task waits, others do not', async (t) => {
  const server = await startServer(t);
  const backend = await startBackend(t, server.port, LONG_MS);
  await Promise.all(['locked', 'free'].map((id) => backend.setProgress(id, { state: 'STARTED' })));
  const blocker = await server.connect();
  t.teardown(() => blocker.end());
  await blocker.query("begin; select from resultd_tasks where task_id = 'locked' for update");
  const locked = backend.setResult('locked', { returnValue: 1 });
  await until('it waits', async () => (await sessionsOf(server, 'Lock')).length > 0);
  await backend.setResult('free', { returnValue: 1 });
  await backend.setResult('new', { returnValue: 1 }, { mode: 'create' });
  t.equal(await backend.isResultReady('locked'), false);
  await blocker.query('rollback');
  t.equal((await locked).verdict, 'created');
});

t.test('killed and started again under load: what was acknowledged is there, once', async (t) => {
  const server = await startServer(t);
  const backend = await startBackend(t, server.port);
  const acknowledged = new Map<string, string>();
  let failures = 0;
  let isOver = false;
  const write = async (): Promise<void> => {
    while (!isOver) {
      const taskId = randomUUID();
      const call = backend.setResult(taskId, { returnValue: taskId }, { mode: 'create' });
      if ((await failureOf(call)) === undefined) {
        acknowledged.set(taskId, (await call).snapshot!.version);
      } else {
        failures += 1;
        await pause(5);
      }
    }
  };
  const writers = Promise.all(Array.from({ length: 16 }, write));
  for (const end of [() => server.kill(), () => server.shutDown(), () => server.kill()]) {
    const [written, failed] = [acknowledged.size, failures];
    await until('there is load', () => acknowledged.size > written + 100);
    await end();
    await until('calls have failed', () => failures > failed);
    await server.restart();
  }
  const written = acknowledged.size;
  await until('writes work again', () => acknowledged.size > written + 100);
  isOver = true;
  await writers;
  const found = await backend.getMany([...acknowledged.keys()]);
  const lost = found.filter((task, at) => task?.version !== [...acknowledged.values()][at]);
  t.same(lost, [], `${acknowledged.size} acknowledged, ${failures} failed`);
});

t.test('a full disk: writes fail and say so, reads go on, nothing is lost', async (t) => {
  const directory = await smallDisk(t);
  const server = await startServer(t);
  await server.query(`create tablespace small location '${directory}'`);
  const backend = await startBackend(t, server.port);
  await server.query('alter table resultd_tasks set tablespace small');
  const acknowledged: string[] = [];
  let failure: ResultdError | undefined;
  while (failure === undefined) {
    const taskId = randomUUID();
    // Random, so that compression does not make it small.
    const outcome = { returnValue: randomBytes(200_000).toString('base64') };
    failure = await failureOf(backend.setResult(taskId, outcome, { mode: 'create' }));
    if (failure === undefined) acknowledged.push(taskId);
  }
  t.match(failure.message, /its disk is full.*53100/);
  t.ok(acknowledged.length > 10, `${acknowledged.length} were written before`);
  const found = await backend.getMany(acknowledged, WITH_BODY);
  t.equal(found.filter((task) => task?.ready === true).length, acknowledged.length);
  await server.query('alter table resultd_tasks set tablespace pg_default');
  await backend.setResult('after', { returnValue: 1 }, { mode: 'create' });
  t.equal(await backend.isResultReady('after'), true, 'with room again it takes writes');
});

/** A file system of some megabytes that belongs to the server. It takes root's rights to make one. */
async function smallDisk(t: Test): Promise<string> {
  const mountPoint = await freshDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mountPoint]);
  t.teardown(() => execFileSync('umount', ['--lazy', mountPoint]));
  const directory = join(mountPoint, 'table');
  mkdirSync(directory);
  const { uid, gid } = serverUser();
  if (uid !== undefined) chownSync(directory, uid, gid!);
  return directory;
}
