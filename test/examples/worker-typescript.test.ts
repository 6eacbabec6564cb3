/** The worker and the client in TypeScript, as processes of their own, against a real service. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { LineProcess } from '../support/line-process.js';
import { freePort } from '../support/redis-server.js';
import { runToEnd } from '../support/run-to-end.js';
import { ServiceProcess } from '../support/service-process.js';

const compiled = (name: string) =>
  fileURLToPath(new URL(`../../examples/worker-typescript/${name}.js`, import.meta.url));

const MESSAGE = { args: [] as unknown[], kwargs: {}, labels: { queue: 'q' } };
const message = (id: string, name: string, more: Partial<typeof MESSAGE> = {}): string =>
  JSON.stringify({ task_id: id, task_name: name, ...MESSAGE, ...more });

function startWorker(t: Test, origin: string, seconds = 60): LineProcess {
  const worker = new LineProcess(process.execPath, [compiled('worker'), origin, String(seconds)]);
  t.teardown(() => worker.kill());
  return worker;
}

async function runClient(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [compiled('client'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return runToEnd(child);
}

async function outcomeOf(origin: string, id: string): Promise<Record<string, unknown>> {
  const { body } = await request(`${origin}/v1/tasks/${id}/result`);
  return (await body.json()) as Record<string, unknown>;
}

t.test('every kind of message is run, reported and acknowledged', async (t) => {
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const waiting = runClient(t, origin, 't:slow');
  const worker = startWorker(t, origin);
  const ids = ['t:add', 't:greet', 't:fail', 't:slow', 't:nobody'];
  worker.send(message('t:add', 'add', { args: [1, 2] }));
  worker.send(message('t:greet', 'greet', { args: ['Ünï " \\ \u2028'] }));
  worker.send(message('t:fail', 'fail', { args: ['no'] }));
  worker.send(message('t:slow', 'slow', { kwargs: { steps: 3 } }));
  worker.send(message('t:nobody', 'nobody'));
  worker.send('not JSON');
  worker.send('{"task_id": "no-name"}');
  t.equal(await worker.end(), 1, 'two lines were no messages');
  t.same([...worker.lines].sort(), [...ids].sort());
  t.equal(worker.errors.match(/^not acknowledged: /gm)?.length, 2, worker.errors);
  t.match(await outcomeOf(origin, 't:add'), { return_value: 3, labels: { queue: 'q' } });
  t.match(await outcomeOf(origin, 't:greet'), { return_value: 'Hello, Ünï " \\ \u2028!' });
  t.match(await outcomeOf(origin, 't:fail'), {
    error: { exc_type: 'RangeError', exc_message: ['no'], traceback: /worker\.[jt]s/ },
  });
  t.match(await outcomeOf(origin, 't:nobody'), { error: { exc_type: 'UnknownTaskError' } });
  const { code, output, errors } = await waiting;
  t.equal(code, 0, errors);
  t.match(JSON.parse(output), { is_err: false, return_value: 3 });
  t.match(errors, /^SUCCESS \{"done":3,"of":3\}$/m);
  t.equal((await runClient(t, origin, 't:fail')).code, 1);
});

t.test('no outcome is lost where the service is killed', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'resultd-worker-'));
  t.teardown(() => rm(data, { recursive: true }));
  const flags = ['--backend', `lmdb:${data}`];
  const first = await ServiceProcess.start(t, { flags });
  const waiting = runClient(t, first.origin, 'task-99');
  const worker = startWorker(t, first.origin);
  const ids = Array.from({ length: 100 }, (_, n) => `task-${n}`);
  for (const [n, id] of ids.entries()) worker.send(message(id, 'add', { args: [n, 1] }));
  await worker.waitFor((line) => line === 'task-4');
  first.signal('SIGKILL');
  await first.exited;
  const port = new URL(first.origin).port;
  const second = await ServiceProcess.start(t, { flags: [...flags, '--port', port] });
  t.equal(second.origin, first.origin);
  t.equal(await worker.end(), 0, worker.errors);
  t.same([...worker.lines].sort(), [...ids].sort(), 'all are acknowledged, each once');
  for (const [n, id] of ids.entries()) {
    t.match(await outcomeOf(second.origin, id), { is_err: false, return_value: n + 1 }, id);
  }
  const { code, output, errors } = await waiting;
  t.equal(code, 0, errors);
  t.match(JSON.parse(output), { return_value: 100 });
});

t.test('what cannot be stored in time is not acknowledged', async (t) => {
  const nobody = `http://127.0.0.1:${await freePort()}?timeout=100ms`;
  const worker = startWorker(t, nobody, 0.1);
  worker.send(message('one', 'add', { args: [1] }));
  t.equal(await worker.end(), 1);
  t.same(worker.lines, []);
  t.match(
    worker.errors,
    /^not acknowledged: task "one" \("add"\): its outcome could not be stored/m,
  );
  t.equal((await runClient(t, nobody, 'one', '0.1')).code, 4);
});

t.test("the client's exit code says how it ended", async (t) => {
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  t.match(await runClient(t, origin, 'never', '0.1'), {
    code: 3,
    output: '',
    errors: 'was not ready',
  });
  t.match(await runClient(t, origin, 'a/b'), { code: 4, errors: 'is not valid' });
  t.match(await runClient(t, origin), { code: 2, errors: 'usage' });
});
