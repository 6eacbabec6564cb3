/** `resultd list`, `status`, `stats`, `progress`, `delete` and `consume`: what a script sees of them. */
import t from 'tap';
import { FlakyFront } from '../support/flaky-front.js';
import { RedisServer } from '../support/redis-server.js';
import { ServiceTarget, Target } from '../support/target.js';

const target = await ServiceTarget.start(t);
t.beforeEach(() => target.clear());

const ids = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[1]!);

t.test(
  'list is a line for each task, the last changed first, and says why one failed',
  async (t) => {
    await target.backend.setProgress('a', { state: 'STARTED', meta: { done: 3, of: 10 } });
    await target.backend.setResult('b', { returnValue: 1 });
    await target.backend.setException('c', { exc_type: 'IOError', exc_message: 'two\nlines' });
    const { code, text, errors } = await target.run(t, ['list']);
    t.same([code, errors], [0, '']);
    const lines = text.trimEnd().split('\n');
    t.match(lines[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z\tc\tFAILURE\tIOError: two lines$/);
    t.match(lines[1], /\tb\tSUCCESS\t$/);
    t.match(lines[2], /\ta\tSTARTED\t30% 3 of 10$/);
    t.equal(lines.length, 3);
    const failed = await target.run(t, [
      'list',
      '--state',
      'FAILURE',
      '--state',
      'RETRY',
      '--json',
    ]);
    t.match(JSON.parse(failed.text), { task_id: 'c', state: 'FAILURE', is_err: true });
    t.same((await target.run(t, ['list', '--state', 'PENDING'])).text, '', 'nothing is no mistake');
  },
);

t.test('list goes on where it stopped, or prints all', async (t) => {
  const items = Array.from({ length: 1_203 }, (_, index) => ({
    taskId: `task-${index}`,
    outcome: { returnValue: index },
  }));
  await target.backend.setMany(items);
  const first = await target.run(t, ['list', '--limit', '2']);
  t.equal(ids(first.text).length, 2);
  const [, cursor = ''] = /--cursor (\S+)\n/.exec(first.errors)!;
  const rest = await target.run(t, ['list', '--all', '--cursor', cursor]);
  t.same([rest.code, rest.errors], [0, '']);
  t.equal(new Set([...ids(first.text), ...ids(rest.text)]).size, items.length, 'each once');
  t.equal(ids((await target.run(t, ['list'])).text).length, 100, 'the default');
  t.equal(ids((await target.run(t, ['list', '--limit', '1100'])).text).length, 1_100);
  const line = 'set -o pipefail; resultd list --all | head -1; echo $?';
  const cut = await target.startShell(t, line).result;
  t.match(cut.text, /\n0\n$/, 'a reader that goes away ends it, quietly');
  t.equal(cut.errors, '');
});

t.test('list takes times as durations and as dates', async (t) => {
  const { snapshot } = await target.backend.setResult('a', { returnValue: 1 });
  const at = new Date(snapshot!.updatedAt).toISOString();
  for (const [flag, time, count] of [
    ['--updated-after', '1h', 1],
    ['--updated-before', '1h', 0],
    ['--updated-after', at, 0],
    ['--updated-before', at, 0],
    ['--updated-after', '2024-06-10T06:13:20+02:00', 1],
  ] as const) {
    const { code, text } = await target.run(t, ['list', flag, time]);
    t.same([code, ids(text).length], [0, count], `${flag} ${time}`);
  }
  for (const wrong of [
    ['--updated-after', 'yesterday'],
    ['--updated-after', '2024-02-30T00:00:00Z'],
    ['--limit', '0'],
    ['--cursor', 'nope'],
    ['--all', '--limit', '5'],
  ]) {
    t.equal((await target.run(t, ['list', ...wrong])).code, 2, wrong.join(' '));
  }
});

t.test('on a terminal list and stats are tables', async (t) => {
  await target.backend.setProgress('a', { state: 'STARTED', meta: 0.5 });
  const listed = await target.startOnTerminal(t, 'resultd list').result;
  t.match(listed.text, /TASK {2}STATE {6}PROGRESS/);
  t.match(listed.text, /a {5}.*STARTED.*█{8}░{8} {2}50%/);
  const counted = await target.startOnTerminal(t, 'resultd stats').result;
  t.match(counted.text, /STARTED\x1b\[39m {2}1\r\n/);
});

t.test('stats counts by state, as lines and as one document', async (t) => {
  await target.backend.setProgress('a', { state: 'busy' });
  await target.backend.setResult('b', { returnValue: 1 });
  const lines = 'PENDING\t0\nSTARTED\t0\nRETRY\t0\nSUCCESS\t1\nFAILURE\t0\nother\t1\ntotal\t2\n';
  t.equal((await target.run(t, ['stats'])).text, lines);
  t.same(JSON.parse((await target.run(t, ['stats', '--json'])).text), {
    total: 2,
    states: { PENDING: 0, STARTED: 0, RETRY: 0, SUCCESS: 1, FAILURE: 0, other: 1 },
  });
});

t.test('a store that cannot list says so', async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const store = new Target(`${redis.url}?listing=off`);
  for (const command of ['list', 'stats']) {
    const { code, text, errors } = await store.run(t, [command]);
    t.same([code, text], [2, ''], command);
    t.match(errors, /^resultd: (listing|counting) tasks: .*cannot do that/);
  }
});

t.test('status prints the tasks that are named; 3 where one is unknown', async (t) => {
  await target.backend.setProgress('a', { state: 'RETRY', meta: 'again' });
  await target.backend.setResult('b', { isErr: true });
  const known = await target.run(t, ['status', 'b', 'a']);
  t.equal(known.code, 0, 'a failure is a state as good as any');
  t.match(known.text, /^\S+\tb\tFAILURE\tfailed\n\S+\ta\tRETRY\tagain\n$/);
  const some = await target.run(t, ['status', 'nobody', 'a', '--json']);
  t.equal(some.code, 3);
  t.match(JSON.parse(some.text), { task_id: 'a', state: 'RETRY', ready: false });
  t.match(some.errors, /"nobody" is unknown/);
  t.equal((await target.run(t, ['status', 'a/b'])).code, 2);
});

t.test('progress stores a state and JSON as it is spelt, and registers', async (t) => {
  t.same((await target.run(t, ['progress', 'a', '--register'])).code, 0);
  t.equal((await target.backend.getStatus('a'))?.state, 'PENDING');
  const meta = '{"done": 1.0, "n": 1152921504606846977}';
  const stored = await target.run(t, ['progress', 'a', ` ${meta} `, '--ttl', '1h', '--json']);
  t.equal(stored.code, 0);
  t.match(stored.text, `"progress":{"state":"STARTED","meta":${meta}}`);
  const { expires_at: expiresAt, updated_at: updatedAt } = JSON.parse(stored.text);
  t.equal(Date.parse(expiresAt) - Date.parse(updatedAt), 3_600_000);
  await target.run(t, ['progress', 'a', '--register']);
  t.equal((await target.backend.getStatus('a'))?.state, 'STARTED', 'it is known already');
  await target.run(t, ['progress', 'a', '-', '--text', '--state', 'on "hold"'], { stdin: 'so\n' });
  const { progress } = (await target.backend.getStatus('a'))!;
  t.same([progress?.state, progress?.meta.toString()], ['on "hold"', '"so\\n"']);
  for (const wrong of [['{'], ['1', '--state', 'a\nb'], ['1', '--register', '--state', 'x']]) {
    t.equal((await target.run(t, ['progress', 'b', ...wrong])).code, 2, wrong.join(' '));
  }
  t.equal(await target.backend.getStatus('b'), undefined);
});

t.test('a command that exec runs reports how far it is', async (t) => {
  const script = 'resultd exec a -- bash -c "resultd progress \\$RESULTD_TASK_ID 0.5; read line"';
  const running = target.startShell(t, `export -f resultd; ${script}`);
  const watching = target.start(t, ['watch', 'a']);
  await watching.until(/\ta\tSTARTED\t50%\n/);
  running.child.stdin!.end('\n');
  t.equal((await running.result).code, 0);
});

t.test('delete removes tasks, and is 3 where one is not there', async (t) => {
  const names = Array.from({ length: 130 }, (_, index) => `task-${index}`);
  await target.backend.setMany(names.map((taskId) => ({ taskId, outcome: { returnValue: 1 } })));
  const all = await target.run(t, ['delete', ...names]);
  t.same([all.code, all.text, all.errors], [0, '', '']);
  t.equal((await target.backend.count()).total, 0);
  await target.backend.setProgress('a', { state: 'STARTED' });
  const some = await target.run(t, ['delete', 'a', 'b', '--json']);
  t.equal(some.code, 3);
  t.equal(some.text, '{"task_id":"a","deleted":true}\n{"task_id":"b","deleted":false}\n');
  t.match(some.errors, /"b" is unknown/);
});

t.test('consume prints as get does, to exactly one of several', async (t) => {
  await target.backend.setResult('a', { returnValue: 'once', log: 'said' });
  const all = await Promise.all(
    [1, 2, 3].map(() => target.run(t, ['consume', 'a', '--with-logs'])),
  );
  t.same(all.map(({ code }) => code).sort(), [0, 3, 3]);
  const taken = all.find(({ code }) => code === 0)!;
  t.same([taken.text, taken.errors], ['once\n', 'said\n']);
  await target.backend.setResult('b', { isErr: true });
  t.equal((await target.run(t, ['consume', 'b', '--json'])).code, 1);
  await target.backend.setProgress('c', { state: 'STARTED' });
  const early = await target.run(t, ['consume', 'c']);
  t.equal(early.code, 3);
  t.match(early.errors, /"c" is STARTED and has no outcome yet. To wait for it: resultd wait c/);
});

t.test('a consume whose answer was lost, or was not written, is given it again', async (t) => {
  const front = await FlakyFront.start(target.url);
  t.teardown(() => front.stop());
  await target.backend.setResult('a', { returnValue: 'kept' });
  let lost = 0;
  front.treat = ({ url }) => {
    if (!url!.includes('/consume') || lost > 2) return 'pass';
    lost += 1;
    return { cut: 'after' };
  };
  const taken = await new Target(front.url).run(t, ['consume', 'a']);
  t.same([taken.code, taken.text, lost], [0, 'kept\n', 3]);
  await target.backend.setResult('b', { returnValue: 'kept' });
  const line =
    'resultd consume b --idempotency-key k > /dev/full; resultd consume b --idempotency-key k';
  t.equal((await target.startShell(t, line).result).text, 'kept\n');
});

t.test('a service that comes later is waited for where that is asked for', async (t) => {
  await target.kill();
  t.equal((await target.run(t, ['status', 'a'])).code, 4);
  const waiting = target.start(t, ['list', '--wait-for-store', '10m']);
  await waiting.until(/waiting for the store/);
  await target.restart();
  t.equal((await waiting.result).code, 0);
});
