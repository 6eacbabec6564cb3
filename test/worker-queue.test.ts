/** What the Worker takes from a queue and when, what it gives back, and what becomes of it at a stop. */
import t from 'tap';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { Broker } from '../src/broker.js';
import type { TaskMessage } from '../src/task/task-message.js';
import { Task } from '../src/task.js';
import { taskContext } from '../src/worker/task-context.js';
import { Worker, type WorkerOptions } from '../src/worker.js';
import { errorOf } from './conformance/expect.js';
import { memory } from './support/stores.js';
import { until } from './support/until.js';
import { gate, message, setUp } from './support/worker-setup.js';

const LONG = { timeoutMs: 60_000 };

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

t.test('a task that nobody would take is an error that says what to do', async (t) => {
  const { broker, worker } = await setUp(t, memory);
  const error = await errorOf(broker.task('nobody').withTaskId('lost').kiq(1));
  t.match(error, { code: 'invalid-parameter', message: /"nobody".*no worker.*Register it/ });
  await broker.startup();
  t.equal(await broker.resultBackend.getStatus('lost'), undefined, 'nothing waits for it');

  worker.register('later', (n: number) => n);
  const task = await broker.task('later').kiq(3);
  await worker.start();
  t.equal(await task.value(LONG), 3, 'one that is registered may be started later');

  const sent: TaskMessage[] = [];
  const queue = { send: async (message: TaskMessage) => void sent.push(message) };
  await new Broker(broker.resultBackend, queue).task('far').kiq(1);
  t.equal(sent.length, 1, 'a queue of its own may lead to workers elsewhere');
});
