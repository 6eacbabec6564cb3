/** `resultd exec`: what it stores of a program, what goes through, and how it exits. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ServiceTarget } from '../support/target.js';

interface Stored {
  readonly is_err: boolean;
  readonly log: string | null;
  readonly return_value: unknown;
  readonly execution_time: number;
  readonly error: Record<string, unknown> | null;
}

async function stored(target: ServiceTarget, taskId: string): Promise<Stored> {
  const snapshot = await target.backend.getResult(taskId, { withLogs: true });
  return JSON.parse(snapshot!.outcome!.toString()) as Stored;
}

async function execute(
  t: Test,
  target: ServiceTarget,
  program: readonly string[],
  flags: string[] = [],
) {
  return target.run(t, ['exec', 'a', '--replace', ...flags, '--', ...program]);
}

const target = await ServiceTarget.start(t);
t.beforeEach(() => target.clear());

t.test('the standard output goes through and is the result, as text', async (t) => {
  const result = await execute(t, target, ['sh', '-c', 'echo "hi there"; echo aside >&2']);
  t.same([result.code, result.text, result.errors], [0, 'hi there\n', 'aside\n']);
  const outcome = await stored(target, 'a');
  t.same([outcome.is_err, outcome.return_value], [false, 'hi there\n']);
  t.equal(outcome.log, 'aside\n', 'the error output is the log');
  const { execution_time: time } = outcome;
  t.ok(time > 0 && time < 60, `${time} s`);
});

t.test('where the output is JSON it is the result as it is spelt; not with --text', async (t) => {
  const json = '{"n": 1152921504606846977, "n": 1.0}';
  await execute(t, target, ['echo', json]);
  t.equal((await target.run(t, ['get', 'a'])).text, `${json}\n`);
  await execute(t, target, ['echo', '1.10']);
  t.equal((await target.run(t, ['get', 'a'])).text, '1.10\n');
  await execute(t, target, ['echo', '1.10'], ['--text']);
  t.equal((await stored(target, 'a')).return_value, '1.10\n');
  for (const [text, value] of [
    ['', ''],
    ['1 2\n', '1 2\n'],
    ['{"a":1', '{"a":1'],
    ['"\\u0041"', 'A'],
    ['NaN', 'NaN'],
    ['\u0000"\\', '\u0000"\\'],
  ]) {
    const program = `process.stdout.write(Buffer.from('${Buffer.from(text!).toString('hex')}','hex'))`;
    t.equal((await execute(t, target, [process.execPath, '-e', program])).code, 0);
    t.equal((await stored(target, 'a')).return_value, value, JSON.stringify(text));
  }
});

t.test('output that is not UTF-8 is kept as bytes', async (t) => {
  const bytes = Buffer.from([0x66, 0xff, 0x00]);
  const result = await execute(t, target, ['printf', '\\146\\377\\000']);
  t.same(result.stdout, bytes);
  const snapshot = await target.backend.getResult('a');
  t.equal(snapshot?.contentType, 'application/octet-stream');
  t.same(snapshot?.outcome, bytes);
  t.same((await target.run(t, ['get', 'a'])).stdout, bytes);
});

t.test('an exit status above 0 is a failure, with the tail of the error output', async (t) => {
  const script = 'seq 100000 >&2; echo out; echo "the \\"reason\\"" >&2; exit 7';
  const result = await execute(t, target, ['sh', '-c', script]);
  t.same([result.code, result.text], [7, 'out\n']);
  const { is_err: isErr, error, log } = await stored(target, 'a');
  t.same([isErr, log], [true, 'out\n'], 'the standard output is the log');
  t.match(error, { exc_type: 'CommandFailed', exit_status: 7, signal: null });
  const [message, tail] = error!.exc_message as [string, string];
  t.equal(message, 'sh exited with status 7');
  t.ok(tail.length > 8_000 && tail.length <= 16_384, `${tail.length} characters`);
  t.match(tail, /^\d+\n[\s\S]*\n100000\nthe "reason"$/, 'from the start of a line');
});

t.test('a signal that ends the program is a failure, and the code is 128 and it', async (t) => {
  t.equal((await execute(t, target, ['sh', '-c', 'kill -9 $$'])).code, 137);
  t.match((await stored(target, 'a')).error, {
    exc_message: ['sh was ended by SIGKILL'],
    exit_status: null,
    signal: 'SIGKILL',
  });
});

t.test('a program that cannot be started is a failure, with the code of a shell', async (t) => {
  const missing = await execute(t, target, ['no-such-program-here', 'x']);
  t.equal(missing.code, 127);
  t.match(missing.errors, /there is no command "no-such-program-here"/);
  t.match((await stored(target, 'a')).error, { exc_type: 'CommandNotStarted' });
  const directory = await mkdtemp(join(tmpdir(), 'resultd-exec-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, 'plain.txt');
  await writeFile(file, 'no program');
  await chmod(file, 0o644);
  t.equal((await execute(t, target, [file])).code, 126);
  t.equal((await execute(t, target, [''])).code, 126);
});

t.test('STARTED is seen while it runs, and the program knows its task', async (t) => {
  const script = 'echo "$RESULTD_TASK_ID $RESULTD_URL" >&2; read line; echo "$line"';
  const running = target.start(t, ['exec', 'a', '--', 'sh', '-c', script]);
  await running.until(new RegExp(`^a ${target.url}$`, 'm'));
  t.equal((await target.backend.getStatus('a'))?.state, 'STARTED');
  running.child.stdin!.end('typed\n');
  t.equal((await running.result).text, 'typed\n', 'its standard input is that of exec');
  t.equal((await stored(target, 'a')).return_value, 'typed\n');
});

t.test('signals are passed on, and a program that handles them decides', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    const name = signal.slice(3);
    const script = `trap 'echo caught; exit 5' ${name}; echo ready >&2; while :; do sleep 0.05; done`;
    const handled = target.start(t, ['exec', 'a', '--replace', '--', 'bash', '-c', script]);
    await handled.until(/ready/);
    handled.signal(signal);
    t.equal((await handled.result).code, 5, signal);
    t.match((await stored(target, 'a')).error, { exit_status: 5 });
  }
  const sleep = ['sh', '-c', 'echo ready >&2; exec sleep 600'];
  const ended = target.start(t, ['exec', 'b', '--', ...sleep]);
  await ended.until(/ready/);
  ended.signal('SIGTERM');
  t.equal((await ended.result).code, 143);
  t.match((await stored(target, 'b')).error, { signal: 'SIGTERM' });
});

t.test('everything after -- is the program and its own, flags and all', async (t) => {
  const program = ['echo', '--text', '--help', '--', '-x'];
  t.equal((await execute(t, target, program)).text, '--text --help -- -x\n');
  const without = await target.run(t, ['exec', 'a', 'echo']);
  t.equal(without.code, 2);
  t.match(without.errors, /write it after --/);
  t.equal((await target.run(t, ['exec', '--', 'echo'])).code, 2);
  t.equal((await target.run(t, ['exec', 'a', '--'])).code, 2);
});

t.test('labels and times to live, of failures too', async (t) => {
  const flags = ['--labels', '{"host": "a1"}', '--ttl', '1h'];
  t.equal((await execute(t, target, ['false'], flags)).code, 1);
  const failed = await target.backend.getResult('a');
  t.match(failed?.outcome?.toString(), '"labels":{"host": "a1"}', 'a failure has them too');
  await execute(t, target, ['echo', '1'], flags);
  const snapshot = await target.backend.getResult('a');
  t.match(snapshot?.outcome?.toString(), '"labels":{"host": "a1"}');
  t.ok(snapshot!.expiresAt! - snapshot!.updatedAt <= 3_600_000);
  t.equal((await execute(t, target, ['true'], ['--labels', '1'])).code, 2);
});

t.test('a command whose outcome is there already is not run', async (t) => {
  const args = ['exec', 'a', '--', 'echo', 'ran'];
  t.equal((await target.run(t, args)).text, 'ran\n');
  const { version } = (await target.backend.getStatus('a'))!;
  const again = await target.run(t, args);
  t.same([again.code, again.text], [125, '']);
  t.match(again.errors, /the command was not run: task "a" has an outcome already \(SUCCESS\)/);
  t.equal((await target.backend.getStatus('a'))?.version, version, 'nothing was changed');
  const forced = await target.run(t, ['exec', 'a', '--replace', '--', 'echo', 'anew']);
  t.same([forced.code, forced.text], [0, 'anew\n']);
  t.equal((await stored(target, 'a')).return_value, 'anew\n');
});

t.test('the first outcome wins over what comes of a command that runs already', async (t) => {
  const script = ['sh', '-c', 'echo up >&2; read line; echo late'];
  const running = target.start(t, ['exec', 'a', '--', ...script]);
  await running.until(/up/);
  await target.run(t, ['set', 'a', '"early"']);
  running.child.stdin!.end('\n');
  const { code, errors } = await running.result;
  t.equal(code, 125);
  t.match(errors, /NOT stored: .*another outcome already.*add --replace.*exit code 0/);
  t.equal((await stored(target, 'a')).return_value, 'early');
});

t.test('with --replace nobody gets the outcome of before once the command runs', async (t) => {
  await target.backend.setResult('a', { returnValue: 'of yesterday' });
  const script = ['sh', '-c', 'echo up >&2; read line; echo of today'];
  const running = target.start(t, ['exec', 'a', '--replace', '--', ...script]);
  await running.until(/up/);
  const early = await target.run(t, ['get', 'a']);
  t.same([early.code, early.text], [3, '']);
  t.match(early.errors, /"a" is STARTED/);
  const waiting = target.start(t, ['wait', 'a']);
  await target.untilAsked('wait=');
  running.child.stdin!.end('\n');
  t.equal((await running.result).code, 0);
  t.equal((await waiting.result).text, 'of today\n');
});

t.test('a log that is too much beside the outcome is left out; bytes have none', async (t) => {
  const script = 'head -c 8300000 /dev/zero | tr "\\0" y; yes no | head -c 200000 >&2';
  const result = await execute(t, target, ['sh', '-c', script], ['--text']);
  t.equal(result.code, 0);
  t.ok(
    result.errors.endsWith(
      'its log is too much to be stored beside the outcome, and is left out\n',
    ),
  );
  const { return_value: value, log } = await stored(target, 'a');
  t.same([(value as string).length, log], [8_300_000, null]);
  const bytes = await execute(t, target, ['sh', '-c', "printf '\\377'; echo aside >&2"]);
  t.equal(bytes.code, 0);
  t.equal((await target.backend.getStatus('a'))?.isOpaque, true);
  const quiet = await execute(t, target, ['sh', '-c', 'echo out; exit 1'], ['--no-output']);
  t.equal(quiet.code, 1);
  t.equal((await stored(target, 'a')).log, null, 'nothing of the output is kept');
});

t.test('of a long log its end is kept, from the start of a line', async (t) => {
  await execute(t, target, ['sh', '-c', 'seq 400000 >&2']);
  const { log } = await stored(target, 'a');
  t.ok(log!.length > 1_000_000 && log!.length <= 1_048_576, `${log!.length} characters`);
  t.match(log, /^\d{6}\n[\s\S]*\n400000\n$/);
});

t.test('output that is too much is a failure that says so; --no-output wants none', async (t) => {
  const program = ['sh', '-c', 'yes | head -c 3000000'];
  const large = await execute(t, target, program, ['--max-output', '1MiB']);
  t.equal(large.code, 125);
  t.equal(large.stdout.length, 3_000_000, 'it went through whole');
  t.match((await stored(target, 'a')).error, { exc_type: 'OutputTooLarge', exit_status: 0 });
  t.equal((await execute(t, target, program, ['--max-output', '3MiB'])).code, 0);
  t.equal(((await stored(target, 'a')).return_value as string).length, 3_000_000);
  const refused = ['sh', '-c', 'yes | head -c 9000000'];
  const beyond = await execute(t, target, refused, ['--max-output', '16MiB']);
  t.equal(beyond.code, 125, 'more than the service takes');
  t.match((await stored(target, 'a')).error, { exc_type: 'OutputTooLarge', exit_status: 0 });
  t.equal((await execute(t, target, program, ['--no-output'])).code, 0);
  t.equal((await stored(target, 'a')).return_value, null);
});

t.test('a reader that goes away takes no outcome with it', async (t) => {
  const script = 'seq 200000; echo last';
  const command = target.startShell(t, `resultd exec a -- sh -c '${script}' | head -1`);
  const result = await command.result;
  t.same([result.text, result.errors], ['1\n', '']);
  t.match((await stored(target, 'a')).return_value, /\nlast\n$/);
});

t.test('a process that stays in the background does not keep the outcome', async (t) => {
  const result = await execute(t, target, ['sh', '-c', 'sleep 300 & echo $!']);
  t.equal(result.code, 0);
  t.equal((await stored(target, 'a')).return_value, Number(result.text));
  process.kill(Number(result.text));
});
