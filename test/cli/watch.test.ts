/** `resultd watch`, in a pipe and on a terminal, and what `wait` shows on one. */
import t from 'tap';
import { FlakyFront } from '../support/flaky-front.js';
import { ServiceTarget, Target } from '../support/target.js';

const target = await ServiceTarget.start(t);
t.beforeEach(() => target.clear());

t.test('in a pipe each change is a line: time, id, state, progress', async (t) => {
  await target.backend.setProgress('old', { state: 'STARTED' });
  const watching = target.start(t, ['watch']);
  await target.untilAsked('GET /v1/tasks?');
  await target.backend.setProgress('a', { state: 'STARTED', meta: { current: 3, total: 10 } });
  await watching.until(/^\d{4}-\d\d-\d\dT[\d:.]+Z\ta\tSTARTED\t30% 3 of 10\n/m);
  await target.backend.setProgress('a', { state: 'two words', meta: 'line\n\x1b[2Jtwo' });
  await watching.until(/\ta\ttwo words\tline \ufffd\[2Jtwo\n/);
  await target.backend.setResult('a', { returnValue: 1 });
  await watching.until(/\ta\tSUCCESS\t\n/);
  await target.backend.setException('b', { exc_type: 'IOError', exc_message: 'two\nlines' });
  await watching.until(/\tb\tFAILURE\tIOError: two lines\n/);
  await target.backend.delete('a');
  await watching.until(/\ta\tREMOVED\t\n/);
  watching.signal('SIGINT');
  const result = await watching.result;
  t.equal(result.code, 0);
  t.equal(result.errors, '');
  t.notMatch(result.text, /\x1b/, 'nothing for a terminal');
  t.notMatch(result.text, 'old', 'what was there before is no change');
});

t.test('tasks that are named begin with their status, and no others are shown', async (t) => {
  await target.backend.setProgress('a', { state: 'STARTED', meta: 0.5 });
  const watching = target.start(t, ['watch', 'a', 'b']);
  await watching.until(/\ta\tSTARTED\t50%\n/);
  await target.backend.setResult('c', { returnValue: 1 });
  await target.backend.setResult('b', { isErr: true });
  await watching.until(/\tb\tFAILURE\t/);
  watching.signal('SIGTERM');
  t.notMatch((await watching.result).text, /\tc\t/);
});

t.test('progress that says SUCCESS does not make a task look finished', async (t) => {
  await target.backend.setProgress('a', { state: 'SUCCESS', meta: { done: 1, of: 2 } });
  const watching = target.start(t, ['watch', 'a']);
  await watching.until(/\ta\tSTARTED\t50% 1 of 2\n/);
  await target.backend.setProgress('a', { state: 'FAILURE', meta: 'almost' });
  await watching.until(/\ta\tSTARTED\talmost\n/);
  const table = target.startOnTerminal(t, 'resultd watch');
  await table.until(/1 STARTED/);
  await table.until(/a .*STARTED.*almost/);
  t.notMatch(table.text, /SUCCESS|FAILURE/);
});

t.test('--json is the status of the task on one line, numbers as they were sent', async (t) => {
  const watching = target.start(t, ['watch', '--json']);
  await target.untilAsked('GET /v1/tasks?');
  const progress = Buffer.from('{"state":"STARTED","meta":{"n":\n1152921504606846977,"n": 1.0}}');
  await target.backend.setProgress('a', progress);
  const [line] = await watching.until(/^\{"task_id":"a".*\}\n/m);
  t.match(line, '"meta":{"n": 1152921504606846977,"n": 1.0}}');
  t.match(JSON.parse(line), { task_id: 'a', state: 'STARTED', ready: false });
  await target.backend.delete('a');
  await watching.until(/^\{"task_id":"a","removed":true\}\n/m);
  watching.signal('SIGTERM');
  t.equal((await watching.result).code, 0);
});

t.test('a reader that goes away ends it, quietly', async (t) => {
  await target.backend.setProgress('a', { state: 'STARTED' });
  const line = 'set -o pipefail; resultd watch a | head -1; echo "code $?"';
  const watching = target.startShell(t, line);
  await watching.until(/\ta\tSTARTED\t\n/);
  let count = 0;
  const writing = setInterval(() => {
    count += 1;
    void target.backend.setProgress('a', { state: 'STARTED', meta: count });
  }, 150);
  const result = await watching.result;
  clearInterval(writing);
  t.match(result.text, /\ncode 0\n$/);
  t.equal(result.errors, '');
});

t.test('on a terminal it is a table, which Ctrl-C takes away again', async (t) => {
  await target.backend.setResult('done-1', { returnValue: 1, executionTime: 0.25 });
  const error = { exc_type: 'ValueError', exc_message: 'no such file' };
  await target.backend.setResult('lost-1', { error });
  const watching = target.startOnTerminal(t, 'resultd watch; echo "code $?"');
  await watching.until(/2 tasks\s.*1 SUCCESS.*1 FAILURE/);
  t.match(watching.text, '\x1b[?1049h\x1b[?25l', 'on a screen of its own');
  t.match(watching.text, /done-1 .*SUCCESS.*0\.25s/);
  t.match(watching.text, '\x1b[31mFAILURE', 'in colour');
  t.match(watching.text, /lost-1 .*FAILURE.*ValueError: no such file/, 'why it failed');
  await target.backend.setProgress('run-1', { state: 'STARTED', meta: { current: 1, total: 4 } });
  await watching.until(/run-1 .*STARTED.*████░{12} {2}25%.*1 of 4/);
  await target.backend.setProgress('run-1', { state: 'STARTED', meta: '\x1b]0;evil\x07text' });
  await watching.until(/run-1 .*text/);
  watching.type('\x03');
  const result = await watching.result;
  t.match(result.text, /\x1b\[\?25h\x1b\[\?1049lcode 0/, 'the terminal is as it was');
  t.notMatch(result.text, '\x1b]0', 'a task commands no terminal');
  for (const line of result.text.replace(/\x1b\[[\d;?]*[a-zA-Z]/g, '').split(/\r?\n/)) {
    t.ok([...line].length <= 100, line);
  }
});

t.test('NO_COLOR leaves the colours out, and a pipe the table', async (t) => {
  await target.backend.setResult('a', { isErr: true });
  const env = { NO_COLOR: '1' };
  const watching = target.startOnTerminal(t, 'resultd watch', { env });
  await watching.until(/FAILURE/);
  watching.type('\x03');
  t.notMatch((await watching.result).text, /\x1b\[\d+m/);
  const painted = target.startOnTerminal(t, 'resultd get a');
  t.match((await painted.result).text, '\x1b[31mthe task failed');
  const plain = target.startOnTerminal(t, 'resultd get a', { env });
  t.equal((await plain.result).text, 'the task failed, without an exception\r\n');
});

t.test('on a terminal wait shows how far the task is, and takes that away', async (t) => {
  await target.backend.setProgress('a', { state: 'STARTED', meta: { percent: 50 } });
  const waiting = target.startOnTerminal(t, 'resultd wait a; echo "code $?"');
  await waiting.until(/a .*STARTED.*█{10}░{10} {2}50%/);
  await target.backend.setResult('a', { returnValue: 'ready' });
  const result = await waiting.result;
  t.match(result.text, /\x1b\[2A\x1b\[Jready\r\ncode 0/);
});

t.test('on a terminal nothing of a value is obeyed, and bytes are not shown', async (t) => {
  await target.backend.setResult('a', { returnValue: 'a\x1b[2Jb\r\nc' });
  const shown = await target.startOnTerminal(t, 'resultd get a').result;
  t.equal(shown.text, 'a\ufffd[2Jb\ufffd\r\nc\r\n');
  t.equal((await target.run(t, ['get', 'a'])).text, 'a\x1b[2Jb\r\nc\n', 'a pipe has it all');
  await target.run(t, ['set', 'b', '-', '--content-type', 'image/png'], { stdin: '\x00\x01' });
  const bytes = await target.startOnTerminal(t, 'resultd get b').result;
  t.match(bytes.text, /^2 bytes of image\/png/);
});

t.test('Ctrl-C reaches what exec runs once, and its outcome is stored', async (t) => {
  const program =
    'process.on("SIGINT", () => console.log("caught"));' +
    'process.stdin.once("data", () => process.exit()); console.log("ready")';
  const line = `resultd exec a -- "${process.execPath}" -e '${program}'; echo "code $?"`;
  const running = target.startOnTerminal(t, line);
  await running.until(/ready/);
  running.type('\x03');
  await running.until(/caught/);
  // A signal that is passed on comes after the terminal's: it is given the time of a whole command.
  t.equal((await target.run(t, ['get', 'a'])).code, 3);
  running.type('on\n');
  const result = await running.result;
  t.match(result.text, /caught[\s\S]*code 0/);
  t.equal(result.text.match(/caught/g)?.length, 1);
  const outcome = (await target.backend.getResult('a'))?.outcome?.toString();
  t.match(outcome, '"return_value":"ready\\ncaught\\n"');
});

t.test('watch lives through a service that is killed and started again', async (t) => {
  const watching = target.start(t, ['watch']);
  await target.untilAsked('GET /v1/tasks?');
  await target.backend.setProgress('early', { state: 'STARTED' });
  await watching.until(/\tearly\tSTARTED\t/);
  await target.kill();
  await target.restart();
  await target.backend.setResult('late', { returnValue: 1 });
  await watching.until(/\tlate\tSUCCESS\t/);
  watching.signal('SIGTERM');
  const result = await watching.result;
  t.equal(result.code, 0);
  t.equal(result.text.match(/\tearly\t/g)?.length, 1, 'what has not changed is not told again');
});

t.test('what cannot be read is said, and told of when it can be', async (t) => {
  const front = await FlakyFront.start(target.url);
  t.teardown(() => front.stop());
  await target.backend.setProgress('a', { state: 'STARTED' });
  const watching = new Target(front.url).start(t, ['watch', 'a']);
  await watching.until(/\ta\tSTARTED\t\n/);
  front.treat = ({ url }) => (url!.startsWith('/v1/batch/') ? { status: 500 } : 'pass');
  await target.backend.setResult('a', { returnValue: 1 });
  await watching.until(/resultd: .* is not a resultd/);
  front.treat = () => 'pass';
  await watching.until(/\ta\tSUCCESS\t\n/);
  await watching.until(/resultd: it can be asked again\n/);
});
