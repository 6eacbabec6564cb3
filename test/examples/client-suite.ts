/**
 * What holds for the client of every language: it waits by long polls until there is an outcome,
 * over a restart of the service too, and its exit code says how that ended.
 */
import { spawn } from 'node:child_process';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { freePort } from '../support/redis-server.js';
import { RequestLog } from '../support/request-log.js';
import { type Run, runToEnd } from '../support/run-to-end.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { ENVIRONMENT, type Language } from './language.js';

async function runClient(t: Test, { client }: Language, ...args: string[]): Promise<Run> {
  const [program, ...before] = client;
  const child = spawn(program, [...before, ...args], {
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return runToEnd(child);
}

async function post(url: string, body: object): Promise<void> {
  const { statusCode } = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).then(async (answer) => {
    await answer.body.dump();
    return answer;
  });
  if (statusCode >= 300) throw new Error(`${url}: ${statusCode}`);
}

const OUTCOME =
  '{"is_err":false,"log":null,"return_value":"Ünï \\" \\n","execution_time":0.5,"labels":{},"error":null}';

async function waitsForAnOutcome(t: Test, language: Language): Promise<void> {
  const flags = ['--backend', 'memory:', '--max-wait', '1s'];
  const { origin } = await ServiceProcess.start(t, { flags });
  const log = await RequestLog.start(t, origin);
  const polls = (status: number) => log.requests.filter((request) => request.status === status);
  const waiting = runClient(t, language, log.origin, 't@1+=~', '60');
  await until('it has waited for an unknown task', () => polls(404).length >= 1);
  await post(`${origin}/v1/tasks/t@1+=~/status`, { state: 'STARTED' });
  await until('it has waited for one that runs', () => polls(202).length >= 1);
  await post(`${origin}/v1/tasks/t@1+=~/result`, JSON.parse(OUTCOME) as object);
  t.match(await waiting, { code: 0, output: `${OUTCOME}\n` });
  t.equal(polls(200).length, 1);
}

async function saysHowItEnded(t: Test, language: Language): Promise<void> {
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  await post(`${origin}/v1/tasks/failed/exception`, { exc_type: 'ValueError' });
  const failed = await runClient(t, language, origin, 'failed');
  t.equal(failed.code, 1);
  t.match(failed.output, '"is_err":true');
  const late = await runClient(t, language, origin, 'never', '1');
  t.equal(late.code, 3);
  t.match(late, { output: '', errors: 'not ready' });
  const refused = await runClient(t, language, origin, 'a/b');
  t.equal(refused.code, 4);
  t.match(refused, { output: '', errors: 'invalid-task-id' });
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const unreachable = await runClient(t, language, nobody, 'any', '1');
  t.equal(unreachable.code, 4);
  t.match(unreachable, { output: '', errors: 'gave up' });
  for (const args of [[], [origin], [origin, 'a', 'b']]) {
    const misused = await runClient(t, language, ...args);
    t.equal(misused.code, 2, args.join(' '));
    t.match(misused.errors, /usage/);
  }
}

async function outlivesARestart(t: Test, language: Language): Promise<void> {
  const flags = ['--backend', 'memory:'];
  const first = await ServiceProcess.start(t, { flags });
  const log = await RequestLog.start(t, first.origin);
  const waiting = runClient(t, language, log.origin, 't', '120');
  await until('it waits', () => log.requests.length === 1);
  first.signal('SIGKILL');
  await first.exited;
  await until('it has asked again', () => log.requests.length > 1);
  const port = new URL(first.origin).port;
  await ServiceProcess.start(t, { flags: [...flags, '--port', port] });
  await post(`${first.origin}/v1/tasks/t/result`, JSON.parse(OUTCOME) as object);
  t.match(await waiting, { code: 0, output: `${OUTCOME}\n` });
}

/** The tests of one language's client. */
export function clientTests(language: Language): void {
  const { name } = language;
  t.test(`${name}: the client waits until there is an outcome, and prints it as it is`, (t) =>
    waitsForAnOutcome(t, language),
  );
  t.test(`${name}: the client's exit code says how it ended`, (t) => saysHowItEnded(t, language));
  t.test(`${name}: the client waits on where the service is restarted`, (t) =>
    outlivesARestart(t, language),
  );
}
