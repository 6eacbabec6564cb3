/** The command line on PostgreSQL itself, as several processes share it. */
import t from 'tap';
import { PostgresServer } from '../support/postgres-server.js';
import { Target } from '../support/target.js';

t.test('commands work on PostgreSQL itself, and a wait hears of a write', async (t) => {
  const server = await PostgresServer.start();
  t.teardown(() => server.stop());
  const target = new Target(server.url);
  t.equal((await target.run(t, ['set', 'a.b', '{"n": 1.0}'])).code, 0);
  t.equal((await target.run(t, ['get', 'a.b'])).text, '{"n": 1.0}\n');
  const waiting = target.start(t, ['wait', 'later', '--timeout', '4m']);
  t.equal((await target.run(t, ['set', 'later', '2'])).code, 0);
  const { code, text } = await waiting.result;
  t.same([code, text], [0, '2\n']);
  const { text: list } = await target.run(t, ['list']);
  for (const taskId of ['a.b', 'later']) t.ok(list.includes(taskId), taskId);
  t.match((await target.run(t, ['stats'])).text, /2/);
});

t.test('a store that is not there, and no secret in what is said of it', async (t) => {
  const listen = encodeURIComponent('postgres://u:hunter3@127.0.0.1:1/db');
  const target = new Target(`postgres://u:s3cret@127.0.0.1:1/db?listen=${listen}`);
  const { code, errors } = await target.run(t, ['get', 'a']);
  t.not(code, 0);
  t.match(errors, /127\.0\.0\.1:1/);
  t.notMatch(errors, /s3cret|hunter3/);
});
