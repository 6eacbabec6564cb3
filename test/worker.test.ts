/** The Worker: what it runs, what it stores, and what happens to a message meanwhile. */
import t from 'tap';
import { Task } from '../src/task.js';
import { taskContext } from '../src/worker/task-context.js';
import { Worker } from '../src/worker.js';
import { stores } from './support/stores.js';
import { gate, message, setUp } from './support/worker-setup.js';

const LONG = { timeoutMs: 60_000 };

const all = await stores(t);

for (const store of all) {
  const { name } = store;

  t.test(`${name}: broker.task(…).kiq(…) runs end to end in one process`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    const add = worker.register('add', (a: number, b: number) => a + b);
    await worker.start();
    const task = await broker.task('add').kiq(1, 2);
    t.equal((await task.waitResult(LONG)).returnValue, 3);
    const sum: number = await (await add.kiq(20, 22)).value(LONG);
    t.equal(sum, 42, 'what register gives sends typed tasks');
    const named = await add
      .withTaskId('sum-1')
      .withLabels({ queue: 'q' })
      .withLabels({ n: 1 })
      .kiq(1, 1);
    t.equal(named.taskId, 'sum-1');
    const result = await named.waitResult(LONG);
    t.same(result.labels, { queue: 'q', n: 1 });
    t.ok(result.executionTime >= 0 && result.executionTime < 60, `${result.executionTime} s`);
  });

  t.test(`${name}: a task is pending, then started, then done`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    const { opened, open } = gate();
    worker.register('slow', async () => {
      await taskContext().setProgress('half', { done: 1 });
      await opened;
      await taskContext().setProgress('whole');
      return 'done';
    });
    const task = await broker.task('slow').kiq();
    t.match(await task.getStatus(), { state: 'PENDING', isReady: false });
    await worker.start();
    for await (const { state, progress } of task.statuses(LONG)) {
      if (state === 'half') {
        t.same(progress, { state: 'half', meta: { done: 1 } });
        open();
      }
    }
    t.match(await task.getStatus(), {
      state: 'SUCCESS',
      progress: { state: 'whole', meta: { done: 1 } },
    });
    const started = gate();
    worker.register('started', () => started.opened);
    const begun = await broker.task('started').kiq();
    for await (const { state } of begun.statuses(LONG)) if (state === 'STARTED') started.open();
    t.equal((await begun.getResult()).returnValue, null, 'a function without a value');
  });

  t.test(`${name}: a message that was put together elsewhere is executed as it is`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    worker.register('context', (...args: unknown[]) => {
      const { taskId, taskName, kwargs, labels, attempt, signal } = taskContext();
      return { args, taskId, taskName, kwargs, labels, attempt, isAborted: signal.aborted };
    });
    const text = JSON.stringify({
      task_id: 'from-python',
      task_name: 'context',
      args: [1, 'two', null],
      kwargs: { by: 3 },
      labels: { retry_on_error: 'True', n: '7', big: '1152921504606846977', text: '7', of: '0.5' },
      labels_types: { retry_on_error: 5, n: 2, big: 2, text: 3, of: 4 },
    });
    for (const delivered of [text, Buffer.from(text), JSON.parse(text)]) {
      const report = await worker.execute(delivered);
      t.same(report, { taskId: 'from-python', isErr: false, runs: 1 });
      t.same((await new Task(broker, 'from-python').getResult()).returnValue, {
        args: [1, 'two', null],
        taskId: 'from-python',
        taskName: 'context',
        kwargs: { by: 3 },
        labels: { retry_on_error: true, n: 7, big: '1152921504606846977', text: '7', of: 0.5 },
        attempt: 1,
        isAborted: false,
      });
    }
    t.throws(() => taskContext(), /outside of a task/);
  });

  t.test(`${name}: what a function throws is its outcome, causes and all`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    class RowMissing extends Error {}
    worker.register('fails', () => {
      throw new RowMissing('no row 7', { cause: new TypeError('bad key') });
    });
    t.match(await worker.execute(message('fails')), { isErr: true, runs: 1 });
    const { error, returnValue } = await new Task(broker, 'fails').getResult();
    t.equal(returnValue, null);
    t.match(error, { type: 'RowMissing', messages: ['no row 7'], module: undefined });
    t.match(error?.traceback, /RowMissing: no row 7\n|Error: no row 7\n/);
    t.match(error?.traceback, 'worker.test');
    t.match(error?.cause, { type: 'TypeError', messages: ['bad key'] });
    t.equal(error?.suppressesContext, true);
  });

  t.test(`${name}: a task that nobody knows gets an outcome too`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    let acks = 0;
    const ack = () => {
      acks += 1;
    };
    t.match(await worker.execute(message('nobody'), { ack }), { isErr: true, runs: 0 });
    t.equal(acks, 1);
    t.match((await new Task(broker, 'nobody').getResult()).error, {
      type: 'UnknownTaskError',
      messages: [/no function of the name "nobody"/],
    });
  });

  t.test(`${name}: a failed run is repeated as the labels say, and stores nothing`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    const states: (string | undefined)[] = [];
    worker.register('flaky', async (succeedsAt: number) => {
      const { taskId, attempt } = taskContext();
      const status = await new Task(broker, taskId).getStatus();
      if (attempt > 1) states.push(status?.state);
      t.equal(status?.isReady ?? false, false, 'a failed run leaves no outcome');
      if (attempt < succeedsAt) throw new Error(`attempt ${attempt}`);
      return attempt;
    });
    const run = async (succeedsAt: number, labels: Record<string, unknown>) => {
      const taskId = `flaky-${Math.random()}`;
      const task = { task_id: taskId, args: [succeedsAt], labels };
      const report = await worker.execute(message('flaky', task));
      return { report, result: await new Task(broker, taskId).getResult() };
    };
    const won = await run(3, { retry_on_error: true, max_retries: 5 });
    t.match(won.report, { isErr: false, runs: 3 });
    t.equal(won.result.returnValue, 3);
    t.same(won.result.labels, { retry_on_error: true, max_retries: 5, _retries: 2 });
    t.same(states, ['RETRY', 'RETRY']);
    const lost = await run(9, { retry_on_error: 'True', max_retries: '2' });
    t.match(lost.report, { isErr: true, runs: 2 }, 'as in taskiq, max_retries counts every run');
    t.same(lost.result.error?.messages, ['attempt 2']);
    t.match((await run(9, { retry_on_error: true })).report, { runs: 3 }, 'three by default');
    t.match((await run(9, { retry_on_error: 'false' })).report, { runs: 1 });
    t.match((await run(9, { max_retries: 5 })).report, { runs: 1 });
    t.match((await run(9, { retry_on_error: true, _retries: 2, max_retries: 4 })).report, {
      runs: 2,
    });
  });

  t.test(`${name}: a task that takes too long is aborted, and fails`, async (t) => {
    const { broker, worker } = await setUp(t, store);
    const aborted = gate();
    const late = gate();
    worker.register('long', async () => {
      const { signal, setProgress } = taskContext();
      signal.addEventListener('abort', aborted.open);
      await aborted.opened;
      await setProgress('too late');
      late.open();
      return 'never seen';
    });
    const labels = { timeout: '0.05' };
    t.match(await worker.execute(message('long', { labels })), { isErr: true, runs: 1 });
    await late.opened;
    const task = new Task(broker, 'long');
    t.match((await task.getResult()).error, {
      type: 'TimeoutError',
      messages: [/did not end within 0.05 s/],
    });
    t.equal((await task.getProgress())?.state, 'STARTED', 'what it tells later is not heard');
    worker.register('short', () => 1);
    t.match(await worker.execute(message('short', { labels: { timeout: 60 } })), { isErr: false });
    // Node makes a timer that is too long for it one of 1 ms: it would be over before this one.
    worker.register('slow', () => new Promise((resolve) => setTimeout(resolve, 20)));
    const month = { timeout: 30 * 86_400 };
    t.match(await worker.execute(message('slow', { labels: month })), { isErr: false });
  });

  t.test(`${name}: what a task logs is kept where that is asked for`, async (t) => {
    const { warn } = console;
    t.teardown(() => {
      console.warn = warn;
    });
    const printed: unknown[][] = [];
    const print = (...items: unknown[]) => printed.push(items);
    console.warn = print;
    const { broker, worker } = await setUp(t, store, { capturesLogs: true });
    worker.register('talks', async (who: string) => {
      taskContext().log('hello %s', who);
      await Promise.resolve();
      console.warn({ a: 1 }, who);
    });
    const tasks = ['a', 'b'].map((who) => message('talks', { task_id: who, args: [who] }));
    await Promise.all(tasks.map((one) => worker.execute(one)));
    for (const who of ['a', 'b']) {
      const { log } = await new Task(broker, who).getResult({ withLogs: true });
      t.equal(log, `hello ${who}\n{ a: 1 } ${who}\n`);
    }
    console.warn('outside of a task');
    t.same(printed, [[{ a: 1 }, 'a'], [{ a: 1 }, 'b'], ['outside of a task']], 'it is printed too');
    worker.register('floods', () => {
      for (let n = 0; n < 20_000; n += 1) taskContext().log('line %d of a long log', n);
      throw new Error('failed');
    });
    await worker.execute(message('floods'));
    const { log, isErr } = await new Task(broker, 'floods').getResult({ withLogs: true });
    t.equal(isErr, true);
    t.match(log, /^\(\d+ earlier entries were left out\)\nline \d+ of a long log\n/);
    t.match(log, /line 19999 of a long log\n$/);
    t.ok(log!.length < 300_000, `${log!.length} characters`);
    await worker.stop();
    t.equal(console.warn, print, 'the console is as it was');
    const quiet = new Worker(broker);
    quiet.register('talks', () => taskContext().log('not kept'));
    await quiet.execute(message('talks', { task_id: 'quiet' }));
    t.equal((await new Task(broker, 'quiet').getResult({ withLogs: true })).log, undefined);
  });
}
