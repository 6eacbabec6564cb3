/** `resultd exec` while the service cannot be asked: the program runs, and its outcome is not lost. */
import t from 'tap';
import { freePort } from '../support/redis-server.js';
import { ServiceTarget, Target } from '../support/target.js';

t.test(
  'the service is down when the program ends, and comes back: the outcome is stored',
  async (t) => {
    const target = await ServiceTarget.start(t);
    const running = target.start(t, [
      'exec',
      'a',
      '--',
      'sh',
      '-c',
      'echo up >&2; read l; echo "$l"',
    ]);
    await running.until(/up/);
    await target.kill();
    running.child.stdin!.end('kept\n');
    await running.until(/the outcome is not stored yet, trying again/);
    await target.restart();
    const result = await running.result;
    t.same([result.code, result.text], [0, 'kept\n']);
    t.equal((await target.run(t, ['get', 'a'])).text, 'kept\n');
  },
);

t.test('the service is down before: the program runs all the same', async (t) => {
  const target = await ServiceTarget.start(t);
  await target.kill();
  const running = target.start(t, ['exec', 'a', '--', 'echo', 'ran']);
  await running.until(/^ran$/m);
  await target.restart();
  const result = await running.result;
  t.equal(result.code, 0);
  t.match(result.errors, /STARTED is not stored/);
  t.equal((await target.run(t, ['get', 'a'])).text, 'ran\n');
});

t.test('a service that stays away: code 125, and what was lost is said', async (t) => {
  const target = new Target(`http://127.0.0.1:${await freePort()}`);
  const args = ['exec', 'job-7', '--retry-for', '300ms', '--', 'sh', '-c', 'echo out; exit 3'];
  const result = await target.run(t, args);
  t.same([result.code, result.text], [125, 'out\n']);
  t.match(result.errors, /the outcome of task "job-7" is NOT stored: .*exit code 3/);
});

t.test('a signal while the outcome is being stored ends the attempts, with 125', async (t) => {
  const target = await ServiceTarget.start(t);
  const running = target.start(t, ['exec', 'a', '--', 'sh', '-c', 'echo up >&2; read l']);
  await running.until(/up/);
  await target.kill();
  running.child.stdin!.end('\n');
  await running.until(/trying again/);
  running.signal('SIGTERM');
  const result = await running.result;
  t.equal(result.code, 125);
  t.match(result.errors, /NOT stored/);
});

t.test('what could never be stored is refused before the program runs', async (t) => {
  const target = await ServiceTarget.start(t);
  for (const args of [
    ['exec', 'a/b', '--', 'echo', 'ran'],
    ['exec', 'a', '--url', 'gopher://x', '--', 'echo', 'ran'],
    ['exec', 'a', '--retry-for', 'soon', '--', 'echo', 'ran'],
  ]) {
    const result = await target.run(t, args);
    t.same([result.code, result.text], [2, ''], args.join(' '));
  }
});
