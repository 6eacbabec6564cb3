/** `resultd get` and `resultd wait` as a shell sees them: output, bytes, exit codes. */
import t from 'tap';
import { freePort } from '../support/redis-server.js';
import { ServiceTarget, Target } from '../support/target.js';

const EXACT = '{"n": 1152921504606846977, "f": 1.0, "e": 1e400, "n": 2, "__proto__": "\\u0041"}';

const target = await ServiceTarget.start(t);
t.beforeEach(() => target.clear());

t.test('get prints a value as it was sent, and --json the outcome byte for byte', async (t) => {
  t.equal((await target.run(t, ['set', 'a', EXACT])).code, 0);
  t.equal((await target.run(t, ['get', 'a'])).text, `${EXACT}\n`);
  const json = await target.run(t, ['get', 'a', '--json']);
  t.equal(
    json.text,
    `{"is_err":false,"log":null,"return_value":${EXACT},"execution_time":0,"labels":{},"error":null}\n`,
  );
  t.equal(json.code, 0);
  t.equal(json.errors, '');
});

t.test('get prints a string as its text, with one line end', async (t) => {
  await target.run(t, ['set', 'a', '"caf\\u00e9\\ttwo\\nlines"']);
  t.equal((await target.run(t, ['get', 'a'])).text, 'café\ttwo\nlines\n');
  await target.run(t, ['set', 'b', '--text', 'with its own end\n']);
  t.equal((await target.run(t, ['get', 'b'])).text, 'with its own end\n');
  for (const [value, shown] of [
    ['null', 'null\n'],
    ['""', '\n'],
    [' 7 ', '7\n'],
  ] as const) {
    await target.run(t, ['set', 'c', value, '--replace']);
    t.equal((await target.run(t, ['get', 'c'])).text, shown);
  }
});

t.test('get prints opaque bytes as they are, and as base64 with --json', async (t) => {
  const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
  const args = ['set', 'a', '-', '--content-type', 'image/png', '--execution-time', '1.50'];
  t.equal((await target.run(t, args, { stdin: bytes })).code, 0);
  t.same((await target.run(t, ['get', 'a'])).stdout, bytes);
  const view = JSON.parse((await target.run(t, ['get', 'a', '--json'])).text);
  t.match(view, { content_type: 'image/png', outcome_base64: bytes.toString('base64') });
  t.match((await target.run(t, ['get', 'a', '--json'])).text, '"execution_time":1.50');
});

t.test(
  'get of a failure: nothing but the exception, on the error output, and code 1',
  async (t) => {
    await target.run(t, ['fail', 'a', 'no such file', '--type', 'ValueError']);
    const result = await target.run(t, ['get', 'a']);
    t.same([result.code, result.text, result.errors], [1, '', 'ValueError: no such file\n']);
    const json = await target.run(t, ['get', 'a', '--json']);
    t.equal(json.code, 1);
    t.match(
      json.text,
      '"error":{"exc_type":"ValueError","exc_message":["no such file"],"exc_module":null}',
    );
  },
);

t.test('of an exception that has no end, its beginning is shown', async (t) => {
  const many = Array.from({ length: 500 }, (_, index) => index);
  const extra = Object.fromEntries(many.map((index) => [`key-${index}`, 0]));
  const cause = { exc_type: 'Inner', exc_message: 'why', ...extra };
  await target.backend.setException('a', {
    ...extra,
    exc_type: 'Outer',
    exc_message: many,
    exc_cause: cause,
  });
  const { code, errors } = await target.run(t, ['get', 'a']);
  t.equal(code, 1);
  t.match(errors, /^Outer: 0\n1\n2\n[\s\S]*\n99\n… and 400 more\ncaused by Inner: why\n$/);
});

t.test('with --with-logs the log comes before the rest, on the error output', async (t) => {
  await target.backend.setResult('a', { returnValue: 1, log: 'one\ntwo' });
  await target.backend.setResult('b', { isErr: true, log: 'why\n' });
  t.equal((await target.run(t, ['get', 'a'])).errors, '');
  for (const command of ['get', 'wait']) {
    const good = await target.run(t, [command, 'a', '--with-logs']);
    t.same([good.code, good.text, good.errors], [0, '1\n', 'one\ntwo\n'], command);
    const failed = await target.run(t, [command, 'b', '--with-logs']);
    t.equal(failed.code, 1, command);
    t.match(failed.errors, /^why\nthe task failed/, command);
  }
});

t.test('an unknown task and one that is not ready are code 3, each with its reason', async (t) => {
  const unknown = await target.run(t, ['get', 'nobody']);
  t.same([unknown.code, unknown.text], [3, '']);
  t.match(unknown.errors, /"nobody" is unknown/);
  const running = target.start(t, ['exec', 'slow', '--', 'sh', '-c', 'echo up >&2; read line']);
  await running.until(/up/);
  const early = await target.run(t, ['get', 'slow']);
  t.same([early.code, early.text], [3, '']);
  t.match(early.errors, /"slow" is STARTED and has no outcome yet/);
  running.child.stdin!.end('\n');
  t.equal((await running.result).code, 0);
});

t.test(
  'a store that cannot be asked is code 4, and an id that cannot be one is code 2',
  async (t) => {
    const nobody = new Target(`http://127.0.0.1:${await freePort()}`);
    const gone = await nobody.run(t, ['get', 'a']);
    t.same([gone.code, gone.text], [4, '']);
    t.match(gone.errors, /cannot be reached|ECONNREFUSED/);
    const timed = await nobody.run(t, ['wait', 'a', '--timeout', '300ms']);
    t.equal(timed.code, 4, 'could not ask is not the same as not ready');
    t.equal((await target.run(t, ['get', 'a/b'])).code, 2);
    t.equal((await target.run(t, ['wait', 'a', 'b b'])).code, 2);
  },
);

t.test('output that cannot be written, or only in part, is code 74 and said once', async (t) => {
  await target.run(t, ['set', 'a', '-'], { stdin: JSON.stringify('x'.repeat(500_000)) });
  await target.run(t, ['fail', 'b', 'boo']);
  const file = `${t.testdir()}/output`;
  const full = /^resultd: the output could not be written: (ENOSPC|EFBIG)[^\n]*\n/;
  for (const [line, code] of [
    ['resultd get a > /dev/full', 74],
    ['resultd get b --json > /dev/full', 74],
    ['resultd --help > /dev/full', 74],
    // A file may have 256 KiB: a write takes a part, as on a disk that fills up.
    [`ulimit -f 256; resultd get a > ${file}`, 74],
    ['resultd exec c -- sh -c "echo out; exit 3" > /dev/full', 3],
  ] as const) {
    const result = await target.startShell(t, `(${line}); echo "code $?"`).result;
    t.equal(result.text, `code ${code}\n`, line);
    t.match(result.errors, full, line);
    t.equal(result.errors.split('\n').length, 2, 'one line, and no stack');
  }
  const whole = await target.startShell(t, `resultd get a > ${file}; wc -c < ${file}`).result;
  t.equal(whole.text.trim(), '500001');
  t.equal((await target.run(t, ['get', 'c'])).code, 1, 'exec has stored its outcome all the same');
});

t.test('wait prints the outcome of one task when it comes, known before or not', async (t) => {
  const waiting = target.start(t, ['wait', 'a', '--timeout', '60s']);
  const other = target.start(t, ['wait', 'b']);
  await target.run(t, ['set', 'a', EXACT]);
  await target.run(t, ['fail', 'b', 'broken']);
  const result = await waiting.result;
  t.same([result.code, result.text, result.errors], [0, `${EXACT}\n`, '']);
  const failed = await other.result;
  t.same([failed.code, failed.text, failed.errors], [1, '', 'Error: broken\n']);
});

t.test('wait ends at its time-out with code 3, and says what it saw', async (t) => {
  const result = await target.run(t, ['wait', 'a', '--timeout', '300ms']);
  t.same([result.code, result.text], [3, '']);
  t.match(result.errors, /"a" is unknown/);
  const zero = await target.run(t, ['wait', 'a', '--timeout', '0']);
  t.equal(zero.code, 3);
});

t.test('wait for several prints a line for each as it becomes ready', async (t) => {
  const waiting = target.start(t, ['wait', 'a', 'b', 'c', 'a']);
  await target.run(t, ['set', 'c', '{"x":\n1}', '--execution-time', '0.250']);
  await waiting.until(/^c\t.*\n/m);
  await target.run(t, ['fail', 'a', 'two\nlines', '--type', 'IOError']);
  await waiting.until(/^a\t.*\n/m);
  await target.run(t, ['set', 'b', '-', '--content-type', 'text/csv'], { stdin: '1,2\n' });
  const result = await waiting.result;
  t.equal(result.code, 1, 'one of them failed');
  t.equal(
    result.text,
    'c\tSUCCESS\t0.250\t{"x": 1}\na\tFAILURE\t0\tIOError: two lines\nb\tSUCCESS\t0\t4 bytes of text/csv\n',
  );
});

t.test('wait for several with --json: a document each, the outcome byte for byte', async (t) => {
  await target.run(t, ['set', 'a', EXACT]);
  await target.run(t, ['set', 'b', '2']);
  const result = await target.run(t, ['wait', 'a', 'b', '--json']);
  t.equal(result.code, 0);
  const lines = result.text.trimEnd().split('\n');
  t.equal(lines.length, 2);
  t.match(lines[0], `"return_value":${EXACT},`);
  t.match(JSON.parse(lines[1]!), { task_id: 'b', state: 'SUCCESS', outcome: { return_value: 2 } });
});

t.test('wait --any ends with the first; a time-out names all that are not ready', async (t) => {
  await target.run(t, ['set', 'b', '1']);
  const any = await target.run(t, ['wait', 'a', 'b', 'c', '--any']);
  t.same([any.code, any.text, any.errors], [0, 'b\tSUCCESS\t0\t1\n', '']);
  const all = await target.run(t, ['wait', 'a', 'b', 'c', '--timeout', '300ms']);
  t.same([all.code, all.text], [3, 'b\tSUCCESS\t0\t1\n']);
  t.match(all.errors, /"a" is unknown[\s\S]*"c" is unknown/);
});

t.test('wait ends where the task is deleted under it', async (t) => {
  await target.backend.setProgress('a', { state: 'STARTED' });
  const waiting = target.start(t, ['wait', 'a']);
  await target.untilAsked('wait');
  // An answer to a later question: the wait has had its first.
  t.equal((await target.run(t, ['get', 'a'])).code, 3);
  await target.backend.delete('a');
  const result = await waiting.result;
  t.equal(result.code, 3);
  t.match(result.errors, /"a" was deleted or consumed/);
});

t.test('a signal ends a wait with the code that a shell expects', async (t) => {
  const waiting = target.start(t, ['wait', 'a']);
  await target.untilAsked('wait');
  waiting.signal('SIGTERM');
  t.equal((await waiting.result).code, 143);
});

t.test('an outcome of many megabytes goes through a pipe whole', async (t) => {
  const text = 'x'.repeat(7 * 1_024 * 1_024);
  t.equal((await target.run(t, ['set', 'a', '-', '--text'], { stdin: text })).code, 0);
  const result = await target.run(t, ['get', 'a']);
  t.ok(result.text === `${text}\n`, 'every byte');
  const logs = await target.run(t, ['get', 'a', '--json']);
  t.equal(logs.stdout.length, text.length + 90);
});
