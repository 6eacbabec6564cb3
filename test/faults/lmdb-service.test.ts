/**
 * The running service on the embedded store, on bad days: killed under load, a slow disk, a failing
 * one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import { Random, testSeed } from '../conformance/random.js';
import { ServiceProcess } from '../support/service-process.js';
import { Strace } from '../support/strace.js';
import { until } from '../support/until.js';

const WRITERS = 16;

async function start(test: Test, directory: string): Promise<ServiceProcess> {
  return ServiceProcess.start(test, { env: { RESULTD_BACKEND: `lmdb:${directory}` } });
}

async function freshDirectory(test: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd-lmdb-'));
  test.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The outcome of a task, from its id alone. */
function outcomeOf(id: string): string {
  return `{"is_err":false,"log":null,"return_value":"${id.repeat(20)}","execution_time":0,"labels":{},"error":null}`;
}

async function report(pool: Pool, id: string): Promise<{ status: number; type: string }> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: `/v1/tasks/${id}/result`,
    headers: { 'content-type': 'application/json' },
    body: outcomeOf(id),
  });
  const answer = (await body.json()) as { type?: string };
  return { status: statusCode, type: answer.type ?? '' };
}

/** The ids whose outcomes are not there, byte for byte. */
async function missingOf(pool: Pool, ids: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  await Promise.all(
    ids.map(async (id) => {
      const { body } = await pool.request({ method: 'GET', path: `/v1/tasks/${id}/result` });
      if ((await body.text()) !== outcomeOf(id)) missing.push(id);
    }),
  );
  return missing;
}

/** Reports outcomes from many writers until the service dies; those that were acknowledged. */
async function reportUntilDeath(pool: Pool, prefix: string, onAck: (count: number) => void) {
  const acknowledged: string[] = [];
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const id = `${prefix}-${writer}-${n}`;
      const answer = await report(pool, id).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status !== 201) throw new Error(`${id}: ${answer.status} ${answer.type}`);
      acknowledged.push(id);
      onAck(acknowledged.length);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return acknowledged;
}

t.test('what was acknowledged before a kill -9 is there afterwards, 6 times', async (t) => {
  const seed = testSeed();
  t.comment(`seed ${seed}`);
  const random = new Random(seed);
  const directory = await freshDirectory(t);
  const all: string[] = [];
  for (let round = 0; round <= 6; round += 1) {
    const service = await start(t, directory);
    const pool = new Pool(service.origin, { connections: WRITERS });
    const recent = round === 6 ? all : all.slice(-500);
    t.same(await missingOf(pool, recent), [], `round ${round}: ${recent.length} are there`);
    if (round < 6) {
      const enough = 1 + random.below(400);
      const acknowledged = await reportUntilDeath(pool, `r${round}`, (count) => {
        if (count === enough) service.signal('SIGKILL');
      });
      all.push(...acknowledged);
    } else {
      service.signal('SIGKILL');
    }
    await service.exited;
    await pool.destroy();
  }
  t.ok(all.length > 6 * WRITERS, `${all.length} outcomes were acknowledged in all`);
});

t.test('no outcome is acknowledged before the disk has synced it', async (t) => {
  const service = await start(t, await freshDirectory(t));
  const pool = new Pool(service.origin);
  t.teardown(() => pool.destroy());
  await Strace.attach(t, service.pid, 'fdatasync:delay_enter=1000000');
  const sentAt = performance.now();
  const { status } = await report(pool, 'slow');
  const elapsed = performance.now() - sentAt;
  t.equal(status, 201);
  t.ok(elapsed >= 1_000, `the sync took a second, the answer came after ${elapsed} ms`);
});

t.test('a disk that fails costs a 503, and neither an outcome nor the process', async (t) => {
  const directory = await freshDirectory(t);
  const service = await start(t, directory);
  const pool = new Pool(service.origin);
  t.teardown(() => pool.destroy());
  t.equal((await report(pool, 'before')).status, 201);

  const strace = await Strace.attach(t, service.pid, 'fdatasync:error=EIO');
  const answers = await Promise.all(['a', 'b', 'c'].map((id) => report(pool, id)));
  for (const { status, type } of answers) {
    t.equal(status, 503);
    t.equal(type, 'urn:resultd:problem:store-unavailable');
  }
  const { statusCode, body } = await pool.request({ method: 'GET', path: '/v1/tasks/a/result' });
  await body.dump();
  t.equal(statusCode, 404, 'what was refused is not stored');
  t.same(await missingOf(pool, ['before']), [], 'reads go on');
  await strace.detach();

  for (const id of ['a', 'after'])
    t.equal((await report(pool, id)).status, 201, `${id} is written`);
  t.same(await missingOf(pool, ['before', 'a', 'after']), []);
  t.same(await service.stop(), { code: 0, signal: null }, 'the process lived, and ends well');
  const again = await start(t, directory);
  const secondPool = new Pool(again.origin);
  t.teardown(() => secondPool.destroy());
  t.same(await missingOf(secondPool, ['before', 'a', 'after']), [], 'all is there afterwards');
});

t.test('a second process on the same directory is refused, and says whose it is', async (t) => {
  const directory = await freshDirectory(t);
  const first = await start(t, directory);
  const second = ServiceProcess.spawn(t, { env: { RESULTD_BACKEND: `lmdb:${directory}` } });
  t.equal((await second.exited).code, 1);
  t.match(second.output, directory);
  t.match(second.output, String(first.pid));
});

t.test(
  'a full disk is one line when writes begin to fail, and one when they work again',
  async (t) => {
    const directory = await freshDirectory(t);
    const service = await ServiceProcess.start(t, {
      env: { RESULTD_BACKEND: `lmdb:${directory}` },
      wrapper: ['prlimit', '--fsize=2000000:'],
    });
    const pool = new Pool(service.origin);
    t.teardown(() => pool.destroy());
    const body = Buffer.alloc(400_000, 'x');
    const write = async (id: string): Promise<string> => {
      const headers = { 'content-type': 'text/plain' };
      const path = `/v1/tasks/${id}/result`;
      const answer = await pool.request({ method: 'POST', path, headers, body });
      return `${answer.statusCode} ${await answer.body.text()}`;
    };
    const isReady = async (): Promise<boolean> => {
      const { statusCode, body } = await pool.request({ method: 'GET', path: '/readyz' });
      await body.dump();
      return statusCode === 200;
    };
    let count = 0;
    let answer = '201';
    while (answer.startsWith('201')) {
      count += 1;
      answer = await write(`task-${count}`);
      t.ok(count < 20, 'the disk gets full');
    }
    t.match(answer, /^503 .*store-unavailable/, 'the client is told');
    await until('it is not ready', async () => !(await isReady()));
    t.equal((await write('another')).slice(0, 3), '503');
    spawnSync('prlimit', ['--pid', String(service.pid), '--fsize=unlimited:']);
    await until('it is ready again', isReady);
    t.equal((await write('another')).slice(0, 3), '201');
    await service.untilOutput(/the store works again/);
    t.equal(service.output.match(/the store fails/g)?.length, 1, 'one line when it began');
    t.equal(service.output.match(/the store works again/g)?.length, 1, 'one line when it ended');
    t.notMatch(service.output, /^(?!\{|mdb_)./m, 'and nothing in the log that is not ours');
  },
);
