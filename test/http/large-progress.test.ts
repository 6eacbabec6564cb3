/**
 * Progress is as large as an operator allows it to be. Where many tasks are read at once, what is in memory stays small
 * beside what is answered.
 */
import { readFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { RedisServer } from '../support/redis-server.js';
import { ServiceProcess } from '../support/service-process.js';

const MIB = 1_024 * 1_024;
const IDS = 120;
const LIMIT = ['--progress-limit', '8MiB'];

/** The most memory that a process has had, in MiB. */
async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

async function call(service: ServiceProcess, method: string, path: string, body?: unknown) {
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? {} : { headers, body: JSON.stringify(body) };
  const answer = await fetch(service.origin + path, { method, ...init });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer;
}

/** The length of an answer, and its last bytes, without keeping it. */
async function measure(answer: Response): Promise<{ mib: number; end: string }> {
  let bytes = 0;
  let end = '';
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    end = (end + Buffer.from(chunk.subarray(-100)).toString('latin1')).slice(-100);
  }
  return { mib: bytes / MIB, end };
}

async function checkReads(t: Test, service: ServiceProcess): Promise<void> {
  const progress = (mib: number) => ({ state: 'STARTED', meta: 'm'.repeat(mib * MIB) });
  for (const [id, mib] of [
    ['one', 1],
    ['six', 6],
  ] as const) {
    await call(service, 'PUT', `/v1/tasks/${id}/status`, progress(mib));
    await call(service, 'PUT', `/v1/tasks/${id}/result`, { return_value: 1 });
  }
  // An id that is there twice is answered twice.
  const one = Array.from({ length: IDS }, () => 'one');
  const six = Array.from({ length: IDS / 6 }, () => 'six');
  const both = { task_ids: [...one, ...six] };
  const wanted = 2 * IDS;
  for (const [path, body, end] of [
    ['/v1/batch/get', both, /\}\]\}$/],
    ['/v1/batch/get', { ...both, include: 'outcome' }, /"return_value":1.*\}\]\}$/],
    ['/v1/batch/wait', { task_ids: one }, /\],"pending":\[\]\}$/],
    ['/v1/batch/wait', both, /\],"pending":\[\]\}$/],
  ] as const) {
    const found = await measure(await call(service, 'POST', path, body));
    const mib = body.task_ids === one ? IDS : wanted;
    t.ok(found.mib > mib && found.mib < mib + 1, `${path}: ${found.mib} MiB`);
    t.match(found.end, end);
  }
}

for (const store of ['lmdb', 'redis'] as const) {
  t.test(`${store}: batches of large progress are answered piece by piece`, async (t) => {
    const service = await start(t, store);
    await checkReads(t, service);
    const peak = await peakMiB(service.pid);
    t.ok(peak < 500, `${peak} MiB for answers of ${2 * IDS} MiB`);
  });
}

async function start(t: Test, store: 'lmdb' | 'redis'): Promise<ServiceProcess> {
  if (store === 'lmdb') {
    return ServiceProcess.start(t, { flags: ['--backend', `lmdb:${t.testdir()}`, ...LIMIT] });
  }
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  return ServiceProcess.start(t, { flags: ['--backend', server.url, ...LIMIT] });
}
