/**
 * What holds for the worker of every language, against a real service: what they store, what they acknowledge, and
 * that no outcome is lost where the service is busy, cuts connections, or is killed.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { LineProcess } from '../support/line-process.js';
import { type LoggedRequest, RequestLog } from '../support/request-log.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { ENVIRONMENT, type Language } from './language.js';

/** Everything that must be escaped somewhere on the way: JSON, shells, formats, UTF-8. */
const AWKWARD = '"Ünï"\\ \n\t\u0001\u2028😀 %s %d $(id) `id` \'; <b>&amp;';

interface Message {
  readonly task_id: string;
  readonly task_name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, unknown>>;
}

function message(id: string, name: string, args: readonly unknown[] = []): Message {
  return { task_id: id, task_name: name, args, kwargs: {}, labels: { queue: 'q "1"', n: 7 } };
}

interface Outcome {
  readonly is_err: boolean;
  readonly return_value: unknown;
  readonly execution_time: number;
  readonly labels: unknown;
  readonly error: { readonly exc_message: readonly unknown[] } | null;
}

function startWorker(t: Test, { worker }: Language, origin: string, retrySeconds = 60) {
  const [program, ...args] = worker;
  const child = new LineProcess(program, [...args, origin, String(retrySeconds)], {
    env: ENVIRONMENT,
  });
  t.teardown(() => child.kill());
  return child;
}

/** Lets a worker do all the messages; a string is a line that goes as it stands. */
async function workOff(
  t: Test,
  language: Language,
  origin: string,
  messages: readonly (Message | string)[],
) {
  const worker = startWorker(t, language, origin);
  for (const line of messages) {
    worker.send(typeof line === 'string' ? line : JSON.stringify(line));
  }
  const code = await worker.end();
  return { code, acknowledged: worker.lines, errors: worker.errors };
}

async function readText(origin: string, id: string, what = '/result'): Promise<string> {
  const { body } = await request(`${origin}/v1/tasks/${encodeURIComponent(id)}${what}`);
  return body.text();
}

async function readOutcome(origin: string, id: string): Promise<Outcome> {
  return JSON.parse(await readText(origin, id)) as Outcome;
}

/** What was sent for a task, without what differs between languages. */
function sentFor(log: RequestLog, id: string) {
  return log.requests
    .filter(({ path }) => decodeURIComponent(path).startsWith(`/v1/tasks/${id}/`))
    .map(({ method, path, body }) => {
      const what = path.slice(path.lastIndexOf('/') + 1);
      return what === 'status' ? [method, what, metaOf(body)] : [method, what];
    });
}

function metaOf(body: string): unknown {
  const { state, meta = null } = JSON.parse(body) as { state: string; meta?: unknown };
  return { state, meta };
}

const started = (meta: unknown) => ['POST', 'status', { state: 'STARTED', meta }];

async function startMemory(t: Test, ...flags: string[]): Promise<ServiceProcess> {
  return ServiceProcess.start(t, { flags: ['--backend', 'memory:', ...flags] });
}

async function everyKindOfMessage(t: Test, language: Language): Promise<void> {
  const { origin } = await startMemory(t);
  const log = await RequestLog.start(t, origin);
  const slow = { ...message('t:slow', 'slow'), kwargs: { steps: 3 } };
  const messages = [
    message('t:add', 'add', [1, 2]),
    message('t@8+=~', 'greet', [AWKWARD]),
    message('t:fail', 'fail', [AWKWARD]),
    slow,
    message('t:infinite', 'add', [1e308, 1e308]),
    message('t:nobody', 'nobody'),
    message('t:wrong', 'greet', []),
  ];
  const { code, acknowledged, errors } = await workOff(t, language, log.origin, messages);
  t.equal(code, 0, errors);
  t.same(
    acknowledged,
    messages.map(({ task_id: id }) => id),
  );

  const values = { 't:add': 3, 't@8+=~': `Hello, ${AWKWARD}!`, 't:slow': 3 };
  for (const [id, value] of Object.entries(values)) {
    const outcome = await readOutcome(origin, id);
    t.match(outcome, { is_err: false, return_value: value, error: null }, id);
    t.equal(outcome.return_value, value);
    t.same(sentFor(log, id).at(-1), ['POST', 'result']);
  }
  const failed = await readOutcome(origin, 't:fail');
  t.equal(failed.error?.exc_message[0], AWKWARD);
  t.match(failed.error, language.failure(AWKWARD));
  for (const [id, why] of [
    ['t:infinite', /./],
    ['t:nobody', /nobody/],
    ['t:wrong', /./],
  ] as const) {
    const { is_err: isErr, error } = await readOutcome(origin, id);
    t.equal(isErr, true, id);
    t.match(error?.exc_message[0], why, id);
    t.same(sentFor(log, id), [started(null), ['POST', 'exception']]);
  }
  for (const { task_id: id, labels } of messages) {
    const outcome = await readOutcome(origin, id);
    t.same(outcome.labels, labels, `${id}: its labels`);
    t.ok(outcome.execution_time >= (id === slow.task_id ? 0.29 : 0), `${id}: its time`);
  }
  const steps = [1, 2, 3].map((done) => started({ done, of: 3 }));
  t.same(sentFor(log, 't:slow'), [started(null), ...steps, ['POST', 'result']]);
  t.same(sentFor(log, 't:add'), [started(null), ['POST', 'result']]);

  const before = await Promise.all(messages.map(({ task_id: id }) => readText(origin, id)));
  const again = await workOff(t, language, origin, messages);
  t.equal(again.code, 0, again.errors);
  t.same(again.acknowledged, acknowledged, 'delivered again, all are acknowledged again');
  t.match(again.errors, 'another outcome already');
  const after = await Promise.all(messages.map(({ task_id: id }) => readText(origin, id)));
  t.same(after, before, 'and the first outcomes stay');
}

async function whatCannotBeStored(t: Test, language: Language): Promise<void> {
  const { origin } = await startMemory(t, '--body-limit', '8KiB');
  const log = await RequestLog.start(t, origin);
  const { code, acknowledged, errors } = await workOff(t, language, log.origin, [
    '{"task_id": "no-name"}',
    'not JSON',
    message('a/b', 'add', [1]),
    message('..', 'add', [1]),
    message('too-large', 'greet', ['x'.repeat(20_000)]),
    message('good', 'add', [1]),
  ]);
  t.equal(code, 1);
  t.same(acknowledged, ['too-large', 'good']);
  t.equal(errors.match(/^not acknowledged: /gm)?.length, 4, errors);
  t.match(errors, /invalid-task-id/);
  const paths = log.requests.slice(0, 2).map(({ path, status }) => [path, status]);
  t.same(paths, [
    ['/v1/tasks/a%2Fb/status', 400],
    ['/v1/tasks/../status', 400],
  ]);
  const { is_err: isErr, error } = await readOutcome(origin, 'too-large');
  t.equal(isErr, true, 'what is too large is a failure');
  t.match(error?.exc_message[0], /too-large/);
}

/** A busy service, a proxy that finds none, an answer that gets lost: one after the other. */
async function badAnswers(t: Test, language: Language): Promise<void> {
  const { origin } = await startMemory(t);
  const log = await RequestLog.start(t, origin);
  const left = [
    { status: 503, headers: { 'retry-after': '2' } },
    { status: 429 },
    { status: 502 },
    { status: 504 },
    'lose' as const,
  ];
  const isOutcome = ({ path }: LoggedRequest) => /\/(result|exception)$/.test(path);
  log.spoil = (request) => (isOutcome(request) ? left.shift() : undefined);
  const one = await workOff(t, language, log.origin, [message('t', 'add', [1, 2])]);
  t.equal(one.code, 0, one.errors);
  t.same(one.acknowledged, ['t']);
  const posts = log.requests.filter(isOutcome);
  t.same(
    posts.map(({ status }) => status),
    [503, 429, 502, 504, 0, 200],
    'the last one is a retry of what had been stored',
  );
  t.equal(new Set(posts.map(({ body }) => body)).size, 1, 'each time the same body');
  t.ok(posts[1]!.at - posts[0]!.at >= 2_000, 'not before Retry-After');
  t.equal((await readOutcome(origin, 't')).return_value, 3);
}

async function killedService(t: Test, language: Language): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'resultd-workers-'));
  t.teardown(() => rm(data, { recursive: true }));
  const flags = ['--backend', `lmdb:${data}`];
  const first = await ServiceProcess.start(t, { flags });
  const worker = startWorker(t, language, first.origin);
  const ids = Array.from({ length: 15 }, (_, n) => `task-${n}`);
  for (const [n, id] of ids.entries()) worker.send(JSON.stringify(message(id, 'add', [n, 1])));
  await worker.waitFor((line) => line === 'task-4');
  first.signal('SIGKILL');
  await first.exited;
  await until('the worker tries again', () => /again/.test(worker.errors));
  const acknowledged = worker.lines.length;
  t.ok(acknowledged < ids.length, 'it was killed in the middle');
  const port = new URL(first.origin).port;
  const second = await ServiceProcess.start(t, { flags: [...flags, '--port', port] });
  t.equal(second.origin, first.origin);
  t.equal(await worker.end(), 0, worker.errors);
  t.same(worker.lines, ids, 'all are acknowledged, each once');
  for (const [n, id] of ids.entries()) {
    const { is_err: isErr, return_value: value } = await readOutcome(second.origin, id);
    t.same([isErr, value], [false, n + 1], id);
  }
}

async function outOfReach(t: Test, language: Language): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  const worker = startWorker(t, language, `http://127.0.0.1:${port}`, 1);
  worker.send(JSON.stringify(message('one', 'add', [1])));
  worker.send(JSON.stringify(message('two', 'add', [1])));
  t.equal(await worker.end(), 1);
  t.same(worker.lines, [], 'nothing is acknowledged');
  t.match(worker.errors, /POST \/v1\/tasks\/one\/result: .*gave up/);
  t.match(worker.errors, /^not acknowledged: /m);
  t.notMatch(worker.errors, /two/, 'it does not go on');
}

async function misused(t: Test, language: Language): Promise<void> {
  const [program, ...args] = language.worker;
  const worker = new LineProcess(program, [...args, 'http://127.0.0.1:1', 'soon'], {
    env: ENVIRONMENT,
  });
  t.equal(await worker.end(), 2);
  t.match(worker.errors, /usage/);
}

/** The tests of one language's worker. */
export function workerTests(language: Language): void {
  const { name } = language;
  t.test(`${name}: every kind of message is run, reported and acknowledged`, (t) =>
    everyKindOfMessage(t, language),
  );
  t.test(`${name}: what cannot be stored is not acknowledged, and the rest is`, (t) =>
    whatCannotBeStored(t, language),
  );
  t.test(`${name}: what is safe to send again is sent again until it is stored`, (t) =>
    badAnswers(t, language),
  );
  t.test(`${name}: no outcome is lost where the service is killed`, (t) =>
    killedService(t, language),
  );
  t.test(`${name}: a service that stays out of reach ends the worker, and nothing is lost`, (t) =>
    outOfReach(t, language),
  );
  t.test(`${name}: a command line that is not valid is refused`, (t) => misused(t, language));
}
