/** A store that is down: its clients are told to try again, and its operator why, in one line. */
import t from 'tap';
import { RedisServer } from '../support/redis-server.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

t.test('why the store could not be asked is for the log, and one line', async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const service = await ServiceProcess.start(t, { flags: ['--backend', redis.url] });
  await redis.stop();
  const call = (path: string, body?: unknown) =>
    fetch(`${service.origin}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const outcome = { return_value: 1 };
  for (let round = 0; round < 5; round += 1) {
    for (const answer of [
      await call('/v1/tasks/a/result'),
      await call('/v1/tasks/a/result', outcome),
      await call('/v1/batch/set', { items: [{ task_id: 'a', outcome }] }),
      await call('/v1/tasks'),
    ]) {
      t.equal(answer.status, 503);
      const text = await answer.text();
      t.match(text, /try again/i);
      t.notMatch(text, new RegExp(`${redis.port}|127\\.0\\.0\\.1|ECONN|redis`, 'i'));
    }
  }
  const lines = (): number =>
    service.output.match(/"msg":"the store could not be asked"/g)?.length ?? 0;
  await until('it is in the log', () => lines() > 0);
  t.ok(lines() < 5, `${lines()} lines for 20 requests`);
  t.match(service.output, new RegExp(`:${redis.port}`), 'with the address');
});
