/** The Worker: what it runs, what it stores, and what happens to a message meanwhile. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { Broker } from '../src/broker.js';
import type { TaskMessage } from '../src/queue/task-message.js';
import { Task } from '../src/task.js';
import { taskContext } from '../src/worker/task-context.js';
import type { WorkerError } from '../src/worker/worker-error.js';
import { Worker, type WorkerOptions } from '../src/worker.js';
import { errorOf } from './conformance/expect.js';
import { type Store, stores } from './support/stores.js';
import { until } from './support/until.js';

const LONG = { timeoutMs: 60_000 };

interface Setup {
  readonly broker: Broker;
  readonly worker: Worker;
  /** What was told to `onError`. */
  readonly errors: WorkerError[];
}

async function setUp(t: Test, store: Store, options: WorkerOptions = {}): Promise<Setup> {
  const broker = await store.open(t);
  const errors: WorkerError[] = [];
  const worker = new Worker(broker, { onError: (error) => errors.push(error), ...options });
  t.teardown(() => worker.stop());
  return { broker, worker, errors };
}

const message = (taskName: string, more: Partial<TaskMessage> = {}): TaskMessage => ({
  task_id: taskName,
  task_name: taskName,
  args: [],
  kwargs: {},
  labels: {},
  ...more,
});

/** A promise, and what settles it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const all = await stores(t);
const memory = all[0]!;

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

t.test('only so many tasks run at once, in the order in which they came', async (t) => {
  for (const how of ['queue', 'execute'] as const) {
    const { broker, worker } = await setUp(t, memory, { concurrency: 2 });
    const gates = Array.from({ length: 5 }, gate);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    worker.register('task', async (n: number) => {
      begun.push(n);
      running += 1;
      most = Math.max(most, running);
      await gates[n]!.opened;
      running -= 1;
      return n;
    });
    if (how === 'queue') await worker.start();
    const ends: Promise<unknown>[] = [];
    for (const n of gates.keys()) {
      const one = message('task', { task_id: `${how}-${n}`, args: [n] });
      if (how === 'queue') await broker.queue.send(one);
      else ends.push(worker.execute(one));
    }
    await until('two have begun', () => begun.length === 2);
    gates[1]!.open();
    await until('the third has begun', () => begun.length === 3);
    for (const { open } of gates) open();
    for (const n of gates.keys()) await new Task(broker, `${how}-${n}`).waitResult(LONG);
    await Promise.all(ends);
    t.same(begun, [0, 1, 2, 3, 4]);
    t.equal(most, 2);
  }
  const broker = new Broker(new MemoryBackend());
  const options: WorkerOptions[] = [
    { concurrency: 0 },
    { concurrency: Number.NaN },
    { mode: 'first' as 'create' },
    { ttlMs: -1 },
    { ttlMs: Number.NaN },
    { saveWithinMs: Number.NaN },
  ];
  for (const option of options) {
    const [name = ''] = Object.keys(option);
    t.throws(() => new Worker(broker, option), { code: 'invalid-parameter' }, name);
  }
});

t.test('stopping waits for what runs, and leaves the rest to the next worker', async (t) => {
  const { broker, worker } = await setUp(t, memory, { concurrency: 1 });
  const { opened, open } = gate();
  worker.register('task', () => opened.then(() => 'first worker'));
  await worker.start();
  const first = await broker.task('task').kiq();
  const second = await broker.task('task').kiq();
  const refused = errorOf(worker.execute(message('task', { task_id: 'waiting' })));
  let hasStopped = false;
  const stopping = Promise.all([worker.stop(), worker.stop()]).then(() => {
    hasStopped = true;
  });
  t.match(await refused, { name: 'WorkerError', stage: 'stop', taskId: 'waiting' });
  t.equal(hasStopped, false);
  open();
  await stopping;
  t.equal((await first.getResult()).returnValue, 'first worker');
  t.equal(await second.isReady(), false);
  t.match(await errorOf(worker.execute(message('task'))), { stage: 'stop' });
  const next = new Worker(broker);
  t.teardown(() => next.stop());
  next.register('task', () => 'next worker');
  await next.start();
  t.equal((await second.waitResult(LONG)).returnValue, 'next worker');
});

t.test('what is given up at a stop is stored nowhere, and not acknowledged', async (t) => {
  const { broker, worker, errors } = await setUp(t, memory);
  const begun = gate();
  const reasons: unknown[] = [];
  worker.register('task', async () => {
    const { signal } = taskContext();
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    begun.open();
    await new Promise(() => {});
  });
  await worker.start();
  const task = await broker.task('task').kiq();
  await begun.opened;
  await worker.stop({ abortAfterMs: 1 });
  t.match(reasons, [{ name: 'WorkerError', stage: 'stop' }]);
  t.match(errors, [{ stage: 'stop', taskId: task.taskId }]);
  t.equal(await task.isReady(), false);
  const next = new Worker(broker);
  t.teardown(() => next.stop());
  next.register('task', () => 'done after all');
  await next.start();
  t.equal((await task.waitResult(LONG)).returnValue, 'done after all');
});

t.test('what is no message is refused, and not acknowledged', async (t) => {
  const { worker } = await setUp(t, memory);
  const ack = () => t.fail('it was acknowledged');
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['{"task_id":', /is not JSON: SyntaxError/],
    [null, /not an object/],
    [[], /not an object/],
    [{}, /"task_id" of the message is missing: it must be a string/],
    [{ task_id: 'a/b', task_name: 'x' }, /the task id "a\/b" is not valid/],
    [{ task_id: 'a' }, /"task_name" of the message is missing/],
    [{ ...message('a'), args: {} }, /"args" of the message is "{}": it must be an array/],
    [{ ...message('a'), kwargs: [] }, /"kwargs" of the message is "\[\]": it must be an object/],
    [{ ...message('a'), labels: null }, /"labels" of the message is "null": it must be an object/],
  ];
  for (const [delivered, reason] of wrong) {
    const error = await errorOf(worker.execute(delivered, { ack }));
    t.match(error, { name: 'WorkerError', stage: 'message', taskId: undefined, message: reason });
  }
  t.match(
    await worker.execute({ task_id: 'a', task_name: 'b' }),
    { runs: 0 },
    'lists may be left out',
  );
});

t.test('with mode create the first outcome stands, and a redelivery is done with', async (t) => {
  for (const mode of ['create', 'replace'] as const) {
    const { broker, worker } = await setUp(t, memory, { mode });
    let count = 0;
    worker.register('count', () => {
      count += 1;
      return count;
    });
    let acks = 0;
    const ack = () => {
      acks += 1;
    };
    for (let delivery = 0; delivery < 2; delivery += 1) {
      await worker.execute(message('count'), { ack });
    }
    t.equal(acks, 2);
    const { returnValue } = await new Task(broker, 'count').getResult();
    t.equal(returnValue, mode === 'create' ? 1 : 2, mode);
  }
});

t.test('outcomes are kept as long as the worker says', async (t) => {
  const { broker, worker } = await setUp(t, memory, { ttlMs: 3_600_000 });
  worker.register('task', () => 1);
  await worker.execute(message('task'));
  const { expiresAt, updatedAt } = (await new Task(broker, 'task').getStatus())!;
  t.ok(Math.abs(expiresAt! - updatedAt - 3_600_000) < 60_000, `${expiresAt! - updatedAt} ms`);
});

t.test('an acknowledgement that fails is told of, and the outcome stands', async (t) => {
  const { broker, worker } = await setUp(t, memory);
  worker.register('task', () => 1);
  const ack = async () => {
    throw new Error('the channel is closed');
  };
  t.match(await errorOf(worker.execute(message('task'), { ack })), {
    stage: 'ack',
    taskId: 'task',
    message: /could not be acknowledged: the channel is closed/,
  });
  t.equal((await new Task(broker, 'task').getResult()).returnValue, 1);
});

t.test('a queue of the user’s own is sent to, and may deliver too', async (t) => {
  const sent: TaskMessage[] = [];
  const send = async (one: TaskMessage) => {
    sent.push(one);
  };
  const broker = new Broker(new MemoryBackend(), { send });
  t.teardown(() => broker.shutdown());
  const kicker = broker.task<[number]>('far').withKwargs({ a: 1 }).withKwargs({ b: 2 });
  const task = await kicker.withTaskId('t-1').withLabels({ l: true }).kiq(7);
  t.same(sent, [
    { task_id: 't-1', task_name: 'far', args: [7], kwargs: { a: 1, b: 2 }, labels: { l: true } },
  ]);
  const worker = new Worker(broker);
  t.match(await errorOf(worker.start()), { code: 'invalid-parameter', message: /execute\(\)/ });
  worker.register('far', (n: number) => n * 2);
  await worker.execute(sent[0]);
  t.equal((await task.getResult()).returnValue, 14);
  t.throws(() => worker.register('far', () => 1), { code: 'invalid-parameter' });
  t.match(await errorOf(broker.task('far').kiq(1n)), {
    code: 'invalid-body',
    message: /the message › args › 0 is a bigint/,
  });
  t.throws(() => broker.task('far').withTaskId('a/b'), { code: 'invalid-task-id' });
  const broken = new Broker(broker.resultBackend, {
    send: () => Promise.reject(new Error('down')),
  });
  t.match(await errorOf(broken.task('far').kiq()), { message: 'down' }, 'what the queue throws');
});

t.test('what a task does to its arguments changes nothing outside', async (t) => {
  const { broker, worker } = await setUp(t, memory);
  const { opened, open } = gate();
  worker.register('grows', async (list: number[]) => {
    await opened;
    list.push(2);
    return list;
  });
  await worker.start();
  const list = [1];
  const task = await broker.task('grows').kiq(list);
  list.push(7);
  open();
  t.same((await task.waitResult(LONG)).returnValue, [1, 2]);
  t.same(list, [1, 7]);
});

/** The memory backend, whose writes of progress take their time. */
class SlowProgress extends MemoryBackend {
  readonly written: string[] = [];

  protected override async _execute(
    ...[namespace, command]: Parameters<MemoryBackend['_execute']>
  ) {
    if (command.kind === 'set-progress') await new Promise((resolve) => setImmediate(resolve));
    const reply = await super._execute(namespace, command);
    this.written.push(command.kind);
    return reply;
  }
}

t.test('nothing is told of a task behind its outcome', async (t) => {
  const backend = new SlowProgress();
  const broker = new Broker(backend);
  t.teardown(() => broker.shutdown());
  const worker = new Worker(broker, { reportsStart: false });
  worker.register('task', () => {
    void taskContext().setProgress('first');
    void taskContext().setProgress('last');
  });
  await worker.execute(message('task'));
  t.same(backend.written, ['set-progress', 'set-progress', 'set-outcome']);
});

t.test('a handler of errors that throws costs no task its outcome', async (t) => {
  const onError = () => {
    throw new Error('the handler is broken');
  };
  const { broker, worker } = await setUp(t, memory, { onError });
  worker.register('task', () => 1n);
  await worker.execute(message('task'));
  t.match((await new Task(broker, 'task').getResult()).error, { type: 'OutcomeNotStored' });
});
