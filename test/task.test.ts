/** A Task's answers: what came of it, how it stands, and each way in which there is no answer. */
import { inspect } from 'node:util';
import t from 'tap';
import { ResultdError } from '../src/errors.js';
import { HEAD_ONLY } from '../src/record/entry.js';
import { opaqueOutcome, outcomeFromJson } from '../src/record/outcome.js';
import { TaskFailedError, TaskTimeoutError } from '../src/task/task-errors.js';
import { Task } from '../src/task.js';
import { errorOf } from './conformance/expect.js';
import { stores } from './support/stores.js';

/** Long enough for any machine; what is waited for comes at once. */
const LONG = { timeoutMs: 60_000 };

const codeOf = async (call: Promise<unknown>): Promise<unknown> =>
  ((await errorOf(call)) as { code?: unknown } | undefined)?.code;

const json = (text: string) => outcomeFromJson(Buffer.from(text));

for (const { name, open } of await stores(t)) {
  t.test(`${name}: a success is read with all that is known of it`, async (t) => {
    const broker = await open(t);
    const task = new Task<{ sum: number }>(broker, 'sum');
    await broker.startup();
    await broker.resultBackend.setResult(
      'sum',
      json('{"return_value":{"sum":3},"execution_time":0.25,"labels":{"q":"a"},"log":"line\\n"}'),
    );
    t.equal(await task.isReady(), true);
    const result = await task.getResult();
    t.same(result.returnValue, { sum: 3 });
    t.equal(result.unwrap().sum, 3);
    t.equal(result.isErr, false);
    t.equal(result.executionTime, 0.25);
    t.same(result.labels, { q: 'a' });
    t.equal(result.error, undefined);
    t.equal(result.log, undefined, 'no log where it was not asked for');
    t.equal((await task.getResult({ withLogs: true })).log, 'line\n');
    t.equal((await task.waitResult({ withLogs: true })).log, 'line\n');
    t.equal(await task.getException(), undefined);
    t.same(await task.value(), { sum: 3 });
  });

  t.test(`${name}: a failure is a value, or an error with its causes`, async (t) => {
    const broker = await open(t);
    const task = new Task(broker, 'failed');
    await broker.startup();
    await broker.resultBackend.setException('failed', {
      exc_type: 'ValueError',
      exc_message: ['no such row', 42],
      exc_module: 'builtins',
      traceback: 'Traceback …',
      exc_cause: {
        exc_type: 'KeyError',
        exc_message: ['row'],
        exc_context: { exc_type: 'OSError' },
      },
      exc_context: { exc_type: 'NotShown' },
      exc_suppress_context: true,
    });
    const result = await task.getResult();
    t.equal(result.isErr, true);
    t.equal(result.returnValue, null);
    t.match(result.error, { type: 'ValueError', module: 'builtins', traceback: 'Traceback …' });
    t.equal(String(result.error), 'ValueError: no such row, 42');
    t.equal((await task.getException())?.cause?.type, 'KeyError');
    const thrown = (await errorOf(task.value())) as TaskFailedError;
    t.ok(thrown instanceof TaskFailedError);
    t.equal(thrown.code, 'task-failed');
    t.equal(thrown.message, 'ValueError: no such row, 42');
    t.equal(thrown.type, 'ValueError');
    t.same(thrown.messages, ['no such row', 42]);
    t.equal(thrown.module, 'builtins');
    t.equal(thrown.traceback, 'Traceback …');
    const cause = thrown.cause as TaskFailedError;
    t.equal(cause.message, 'KeyError: row');
    t.equal((cause.cause as TaskFailedError).type, 'OSError', 'a context that is not suppressed');
    await broker.resultBackend.setResult('bare', json('{"is_err":true}'));
    t.match(
      ((await errorOf(new Task(broker, 'bare').value())) as Error).message,
      'does not say why',
    );
  });

  t.test(`${name}: numbers that JavaScript would round are there as they were sent`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    await broker.resultBackend.setResult(
      'big',
      json('{"return_value": [1152921504606846977, 1.0, 1e400] }'),
    );
    const result = await new Task(broker, 'big').getResult();
    t.equal(result.returnValueJson, '[1152921504606846977, 1.0, 1e400]');
    t.same(result.returnValue, [2 ** 60, 1, Number.POSITIVE_INFINITY], 'as JSON.parse has them');
    t.match(result.bytes.toString(), '"return_value":[1152921504606846977, 1.0, 1e400]');
  });

  t.test(`${name}: a result shows its value, or its error`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const { resultBackend } = broker;
    await resultBackend.setResult('shown', json('{"return_value":{"sum":3},"labels":{"q":1}}'));
    const success = await new Task(broker, 'shown').getResult();
    t.equal(String(success), 'shown: {"sum":3}');
    t.match(inspect(success), /^TaskResult \{[\s\S]*returnValue: \{ sum: 3 \}/);
    t.match(JSON.parse(JSON.stringify({ success })), {
      success: { taskId: 'shown', isErr: false, returnValue: { sum: 3 }, labels: { q: 1 } },
    });
    await resultBackend.setResult('failed', json('{"error":{"exc_type":"E","exc_message":"no"}}'));
    const failure = await new Task(broker, 'failed').getResult();
    t.equal(String(failure), 'failed failed: E: no');
    t.match(inspect(failure), /error: TaskException \{[\s\S]*'no'/);
    t.match(JSON.stringify(failure), /"error":\{.*"no"/);
    await resultBackend.setResult('bytes', opaqueOutcome(Buffer.from('abc'), 'text/plain'));
    const opaque = await new Task(broker, 'bytes').getResult();
    t.equal(String(opaque), 'bytes: 3 bytes of text/plain');
    t.match(JSON.stringify(opaque), '"base64":"YWJj"');
  });

  t.test(`${name}: an opaque outcome is read as bytes`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const bytes = Buffer.from([0x80, 0x04, 0x4e, 0x2e]);
    await broker.resultBackend.setResult(
      'pickled',
      opaqueOutcome(bytes, 'application/x-pickle', { isErr: true, executionTime: '1.5' }),
    );
    const result = await new Task(broker, 'pickled').getResult();
    t.equal(result.isOpaque, true);
    t.equal(result.contentType, 'application/x-pickle');
    t.ok(result.bytes.equals(bytes));
    t.equal(result.executionTime, 1.5);
    t.equal(result.error, undefined);
    t.equal(result.log, undefined);
    t.same(result.labels, {});
    t.throws(() => result.returnValue, { code: 'media-type' });
    t.throws(() => result.unwrap(), { code: 'task-failed' });
  });

  t.test(`${name}: not there, not ready and timed out are told apart`, async (t) => {
    const broker = await open(t);
    const unknown = new Task(broker, 'unknown');
    t.equal(await unknown.isReady(), false);
    t.equal(await unknown.getStatus(), undefined);
    t.equal(await unknown.getProgress(), undefined);
    t.equal(await codeOf(unknown.getResult()), 'task-unknown');
    t.equal(await codeOf(unknown.getException()), 'task-unknown');
    t.equal(await codeOf(unknown.consume()), 'task-unknown');
    const late = (await errorOf(unknown.waitResult({ timeoutMs: 0 }))) as TaskTimeoutError;
    t.ok(late instanceof TaskTimeoutError);
    t.match(late, { code: 'timed-out', taskId: 'unknown', timeoutMs: 0, state: undefined });
    const noTime = { timeoutMs: Number(undefined), signal: AbortSignal.timeout(60_000) };
    t.equal(await codeOf(unknown.waitResult(noTime)), 'invalid-parameter');
    t.equal(await codeOf(unknown.statuses(noTime).next()), 'invalid-parameter');
    const task = new Task(broker, 'started');
    await broker.resultBackend.setProgress('started', { state: 'STARTED', meta: { done: 1 } });
    t.equal(await task.isReady(), false);
    t.match(await task.getStatus(), { state: 'STARTED', isReady: false, isErr: undefined });
    t.same(await task.getProgress(), { state: 'STARTED', meta: { done: 1 } });
    t.equal(await codeOf(task.getResult()), 'not-ready');
    t.equal(await codeOf(task.consume()), 'not-ready');
    const waited = await errorOf(task.waitResult({ timeoutMs: 50 }));
    t.match(waited, {
      code: 'timed-out',
      state: 'STARTED',
      message: /within 50 ms: it is STARTED/,
    });
    t.throws(() => new Task(broker, 'no/id'), { code: 'invalid-task-id' });
  });

  t.test(`${name}: who waits is given what comes, be it of a task that was unknown`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const task = new Task<number>(broker, 'later');
    const waiting = [task.waitResult(LONG), task.waitResult(), task.value(LONG)] as const;
    await broker.resultBackend.setProgress('later', { state: 'STARTED' });
    await broker.resultBackend.setResult('later', { returnValue: 7 });
    const [first, second, value] = await Promise.all(waiting);
    t.equal(first.returnValue, 7);
    t.equal(second.returnValue, 7);
    t.equal(value, 7);
  });

  t.test(`${name}: statuses come one by one until the task is ready`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const statuses = new Task(broker, 'watched').statuses(LONG);
    const first = statuses.next();
    await broker.resultBackend.setProgress('watched', { state: 'PENDING' });
    t.match((await first).value, { state: 'PENDING', isReady: false, progress: { meta: null } });
    const second = statuses.next();
    await broker.resultBackend.setProgress('watched', { state: 'half', meta: [5, 10] });
    t.match((await second).value, { state: 'half', progress: { state: 'half', meta: [5, 10] } });
    const last = statuses.next();
    await broker.resultBackend.setResult('watched', { returnValue: 1 });
    t.match((await last).value, { state: 'SUCCESS', isReady: true, isErr: false });
    t.same(await statuses.next(), { value: undefined, done: true });
    const seen: string[] = [];
    for await (const { state } of new Task(broker, 'watched').statuses()) seen.push(state);
    t.same(seen, ['SUCCESS'], 'of a task that is ready there is one');
  });

  t.test(`${name}: with no version known, a wait goes on until there is a task`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const request = { taskId: 'new', parts: HEAD_ONLY, knownVersions: [] };
    t.match(await broker.waits.wait(request, { timeoutMs: 100 }), {
      reason: 'timeout',
      snapshot: undefined,
    });
    const waiting = broker.waits.wait(request, LONG);
    await broker.resultBackend.setProgress('new', { state: 'PENDING' });
    t.match(await waiting, { reason: 'done', snapshot: { state: 'PENDING' } });
  });

  t.test(`${name}: statuses end when time is up, and when the task is removed`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const unknown = new Task(broker, 'never').statuses({ timeoutMs: 20 });
    t.equal(await codeOf(unknown.next()), 'timed-out');
    await broker.resultBackend.setProgress('short', { state: 'STARTED' });
    const short = new Task(broker, 'short').statuses({ timeoutMs: 50 });
    t.match((await short.next()).value, { state: 'STARTED' });
    t.match(await errorOf(short.next()), { code: 'timed-out', state: 'STARTED' });
    const removed = new Task(broker, 'short').statuses(LONG);
    await removed.next();
    const next = removed.next();
    await broker.resultBackend.delete('short');
    t.equal(await codeOf(next), 'task-removed');
  });

  t.test(`${name}: a result is consumed once, and again with the same key`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const task = new Task(broker, 'taken');
    await broker.resultBackend.setResult('taken', { returnValue: 'mine', log: 'a log' });
    const taken = await task.consume({ idempotencyKey: 'key', withLogs: true });
    t.equal(taken.returnValue, 'mine');
    t.equal(taken.log, 'a log');
    t.equal((await task.consume({ idempotencyKey: 'key' })).returnValue, 'mine');
    t.equal(await codeOf(task.consume()), 'task-unknown');
    t.equal(await task.isReady(), false);
  });

  t.test(`${name}: a signal ends a wait with its reason`, async (t) => {
    const broker = await open(t);
    const task = new Task(broker, 'task');
    const controller = new AbortController();
    const reason = new Error('enough');
    const { signal } = controller;
    // More than the platform's bound on listeners of one signal, which warns of a leak.
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    t.teardown(() => process.off('warning', onWarning));
    const waits = Array.from({ length: 30 }, () => errorOf(task.waitResult({ signal })));
    const statuses = errorOf(task.statuses({ signal }).next());
    controller.abort(reason);
    for (const error of await Promise.all([...waits, statuses])) t.equal(error, reason);
    t.equal(await errorOf(task.waitResult({ signal })), reason, 'one that was aborted before');
    await new Promise(setImmediate);
    t.same(warnings, []);
  });

  t.test(`${name}: shutting the broker down ends its waits`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const waiting = errorOf(new Task(broker, 'task').waitResult());
    await broker.shutdown();
    const error = await waiting;
    t.ok(error instanceof ResultdError);
    t.match(error, { code: 'store-unavailable', message: /shut down/ });
    t.equal(await codeOf(new Task(broker, 'task').waitResult()), 'store-unavailable');
  });
}
