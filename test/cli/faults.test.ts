/** The commands while the service cannot be asked: they wait, try again, and lose no outcome. */
import t from 'tap';
import { FlakyFront } from '../support/flaky-front.js';
import { freePort } from '../support/redis-server.js';
import { ServiceTarget, Target } from '../support/target.js';
import { until } from '../support/until.js';

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

t.test(
  'with --replace or --wait-for-store it does not run before the service is back',
  async (t) => {
    const target = await ServiceTarget.start(t);
    t.equal((await target.run(t, ['set', 'a', '"of yesterday"'])).code, 0);
    await target.kill();
    const nightly = target.start(t, ['exec', 'a', '--replace', '--', 'echo', 'ran']);
    const patient = target.start(t, ['exec', 'b', '--wait-for-store', '30d', '--', 'echo', 'ran']);
    for (const running of [nightly, patient]) {
      await running.until(/the command is not run yet, trying again/);
      t.equal(running.text, '');
    }
    await target.restart();
    for (const [running, taskId] of [
      [nightly, 'a'],
      [patient, 'b'],
    ] as const) {
      t.equal((await running.result).code, 0);
      t.equal((await target.run(t, ['get', taskId])).text, 'ran\n');
    }
    await target.kill();
    const args = ['exec', 'a', '--replace', '--retry-for', '300ms', '--', 'echo', 'ran'];
    const given = await target.run(t, args);
    t.same([given.code, given.text], [125, '']);
    t.match(given.errors, /the command was not run: /);
  },
);

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

t.test('a service that refuses for good: the program is not run, and why is said', async (t) => {
  const front = await FlakyFront.start('http://127.0.0.1:1');
  t.teardown(() => front.stop());
  front.treat = () => ({ status: 401 });
  const target = new Target(front.url);
  const result = await target.run(t, ['exec', 'a', '--', 'echo', 'ran']);
  t.same([result.code, result.text], [125, '']);
  t.match(result.errors, /the command was not run: .*asks for credentials/);
  t.equal((await target.run(t, ['get', 'a'])).code, 4);
});

t.test('a signal before the program runs: it is not run', async (t) => {
  const front = await FlakyFront.start('http://127.0.0.1:1');
  t.teardown(() => front.stop());
  front.treat = () => ({ status: 503 });
  const target = new Target(front.url);
  const running = target.start(t, ['exec', 'a', '--retry-for', '1s', '--', 'echo', 'ran']);
  await until('the service is asked', () => front.seen.length > 0);
  running.signal('SIGTERM');
  const result = await running.result;
  t.same([result.code, result.text], [143, '']);
});

t.test('wait lives through a service that is killed and started again', async (t) => {
  const target = await ServiceTarget.start(t);
  const one = target.start(t, ['wait', 'a', '--timeout', '120s']);
  const many = target.start(t, ['wait', 'a', 'b', '--timeout', '120s']);
  await target.untilAsked('wait', 2);
  await target.kill();
  await target.restart();
  t.equal((await target.run(t, ['set', 'b', '2'])).code, 0);
  t.equal((await target.run(t, ['set', 'a', '1'])).code, 0);
  t.same([(await one.result).code, (await one.result).text], [0, '1\n']);
  t.equal((await many.result).code, 0);
  t.same((await many.result).text.split('\n').sort(), ['', 'a\tSUCCESS\t0\t1', 'b\tSUCCESS\t0\t2']);
});

t.test('a wait for a service that is not there yet says so, and goes on', async (t) => {
  const target = await ServiceTarget.start(t);
  await target.kill();
  const waiting = target.start(t, ['wait', 'a', 'b', '--any', '--timeout', '120s']);
  await waiting.until(/waiting goes on/);
  await target.restart();
  t.equal((await target.run(t, ['set', 'a', '1'])).code, 0);
  const result = await waiting.result;
  t.same([result.code, result.text], [0, 'a\tSUCCESS\t0\t1\n']);
});

t.test('set goes on while the service cannot be asked, and says so once', async (t) => {
  const target = await ServiceTarget.start(t);
  await target.kill();
  const storing = target.start(t, ['set', 'a', '1', '--retry-for', '60s']);
  await storing.until(/not stored yet, trying again/);
  await target.restart();
  const result = await storing.result;
  t.equal(result.code, 0);
  t.equal(result.errors.match(/trying again/g)?.length, 1);
  t.equal((await target.run(t, ['get', 'a'])).text, '1\n');
});

t.test('set gives up with code 4 when its time is over', async (t) => {
  const target = await ServiceTarget.start(t);
  await target.kill();
  t.equal((await target.run(t, ['set', 'a', '1', '--retry-for', '300ms'])).code, 4);
  t.equal((await target.run(t, ['fail', 'a', '--retry-for', '0'])).code, 4);
  await target.restart();
  t.equal((await target.run(t, ['get', 'a'])).code, 3);
});
