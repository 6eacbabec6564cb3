/** The service as a process: how it starts, shuts down, and refuses a bad configuration. */

import t from 'tap';
import { request } from 'undici';
import { RedisServer } from '../support/redis-server.js';
import { makeAnswer } from '../support/service.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { isProblem, SUCCESS } from './suite/expect.js';

async function call(method: 'GET' | 'PUT', url: string, body?: string) {
  const response = await request(url, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body ?? null,
  });
  const bytes = Buffer.from(await response.body.arrayBuffer());
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return makeAnswer(response.statusCode, Object.fromEntries(headers), bytes);
}

t.test('SIGTERM: not ready, waiters answered, writes taken to the end, exit 0', async (t) => {
  const flags = ['--backend', 'memory:', '--drain', '8s'];
  const service = await ServiceProcess.start(t, { flags });
  const task = `${service.origin}/v1/tasks/a`;
  t.equal((await call('GET', `${service.origin}/readyz`)).status, 200);
  const waits = ['a', 'b', 'c'].map((id) =>
    call('GET', `${service.origin}/v1/tasks/${id}/result?wait=50s`),
  );
  // An answer to a later request: the waits before it have arrived.
  await call('GET', task);
  service.signal('SIGTERM');
  await until('it is not ready', async () => {
    return (await call('GET', `${service.origin}/readyz`)).status === 503;
  });
  isProblem(t, await call('GET', `${service.origin}/readyz`), 'draining');
  t.equal((await call('PUT', `${task}/result`, SUCCESS)).status, 201, 'a write while draining');
  const answers = await Promise.all(waits);
  t.equal(answers[1]?.status, 404);
  t.equal(answers[2]?.headers.connection, 'close');
  t.same(await service.exited, { code: 0, signal: null });
  t.match(service.output, /shut down/);
});

t.test('SIGINT ends it as well', async (t) => {
  const service = await ServiceProcess.start(t, { env: { RESULTD_BACKEND: 'memory:' } });
  service.signal('SIGINT');
  t.equal((await service.exited).code, 0);
});

t.test('it binds to the loopback address unless told otherwise', async (t) => {
  const service = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  t.match(service.origin, /^http:\/\/127\.0\.0\.1:\d+$/);
});

t.test('all mistakes of the configuration are told at once, by name, with exit 2', async (t) => {
  const service = ServiceProcess.spawn(t, {
    flags: ['--backend', 'memory:', '--max-wait', 'soon', '--prot', '1'],
    env: { RESULTD_BODY_LIMIT: 'huge', RESULTD_TYPO: '1' },
  });
  t.same(await service.exited, { code: 2, signal: null });
  for (const named of ['--max-wait', 'RESULTD_BODY_LIMIT', '--prot', 'RESULTD_TYPO']) {
    t.match(service.output, named);
  }
  t.notMatch(service.output, /\n +at /, 'no stack trace');
});

t.test(
  'with --wait-for-store it waits for a store that comes later, until it is told to end',
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    await redis.kill();
    const flags = ['--backend', redis.url, '--wait-for-store', '10m'];
    const impatient = ServiceProcess.spawn(t, { flags });
    await impatient.untilOutput(/waiting for the store/);
    t.equal(impatient.signal('SIGTERM'), true);
    t.equal((await impatient.exited).code, 0);
    for (const processes of ['1', '2']) {
      await redis.kill();
      const service = ServiceProcess.spawn(t, { flags: [...flags, '--processes', processes] });
      await service.untilOutput(/waiting for the store/);
      t.notMatch(service.output, 'Server listening');
      await redis.restart();
      const [, origin] = await service.untilOutput(/docs at (http:\/\/[^"/]+)/);
      t.match(String((await call('PUT', `${origin}/v1/tasks/a/result`, SUCCESS)).status), /20[01]/);
      service.signal('SIGTERM');
      t.equal((await service.exited).code, 0);
    }
  },
);

t.test('a password in the URL of a store shows nowhere', async (t) => {
  const service = ServiceProcess.spawn(t, {
    flags: ['--backend', 'redis://user:s3cret@127.0.0.1:1', '--store-timeout', '300ms'],
  });
  const { code } = await service.exited;
  t.equal(code, 1, 'it cannot start without its store');
  t.notMatch(service.output, 's3cret');
  t.ok(service.output.length > 0, service.output);
});
