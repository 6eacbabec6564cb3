/** The command line on a store that several processes share, and that cannot list. */
import t from 'tap';
import { NatsServer } from '../support/nats-server.js';
import { Target } from '../support/target.js';

t.test('commands work on NATS itself, and a wait hears of a write', async (t) => {
  const server = await NatsServer.start();
  t.teardown(() => server.stop());
  const target = new Target(server.url);
  t.equal((await target.run(t, ['set', 'a.b', '{"n": 1.0}'])).code, 0);
  t.equal((await target.run(t, ['get', 'a.b'])).text, '{"n": 1.0}\n');
  const waiting = target.start(t, ['wait', 'later', '--timeout', '4m']);
  t.equal((await target.run(t, ['set', 'later', '2'])).code, 0);
  const { code, text } = await waiting.result;
  t.same([code, text], [0, '2\n']);
  for (const command of ['list', 'stats']) {
    const { code, errors } = await target.run(t, [command]);
    t.equal(code, 2, command);
    t.match(errors, /^resultd: (listing|counting) tasks: NatsBackend cannot do that/);
  }
});

t.test('a store that is not there, and no secret in what is said of it', async (t) => {
  const target = new Target('nats://u:s3cret@127.0.0.1:1');
  const { code, errors } = await target.run(t, ['get', 'a']);
  t.not(code, 0);
  t.match(errors, /127\.0\.0\.1:1/);
  t.notMatch(errors, /s3cret/);
});
