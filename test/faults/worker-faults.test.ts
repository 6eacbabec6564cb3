/** A worker on bad days: the store is down when it starts, reports progress, or saves. */
import t, { type Test } from 'tap';
import { Broker } from '../../src/broker.js';
import { Task } from '../../src/task.js';
import { taskContext } from '../../src/worker/task-context.js';
import type { WorkerError } from '../../src/worker/worker-error.js';
import { Worker, type WorkerOptions } from '../../src/worker.js';
import { errorOf } from '../conformance/expect.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

interface Setup {
  readonly redis: RedisServer;
  readonly broker: Broker;
  readonly worker: Worker;
  readonly errors: WorkerError[];
}

async function setUp(t: Test, options: WorkerOptions = {}): Promise<Setup> {
  const redis = await RedisServer.start({ appendOnly: true });
  t.teardown(() => redis.stop());
  const broker = await Broker.fromUrl(redis.url);
  t.teardown(() => broker.shutdown());
  const errors: WorkerError[] = [];
  const worker = new Worker(broker, { onError: (error) => errors.push(error), ...options });
  return { redis, broker, worker, errors };
}

const message = { task_id: 'task', task_name: 'task', args: [], kwargs: {}, labels: {} };

t.test('an outcome waits for the store, and the acknowledgement for the outcome', async (t) => {
  const { redis, broker, worker, errors } = await setUp(t);
  const task = new Task(broker, 'task');
  worker.register('task', async () => {
    await redis.kill();
    await taskContext().setProgress('nobody hears it');
    return 'kept';
  });
  let isReadyAtAck: boolean | undefined;
  let acks = 0;
  const ack = async () => {
    acks += 1;
    isReadyAtAck = await task.isReady();
  };
  const executing = worker.execute(message, { ack });
  await until('the progress is lost', () => errors.length > 0);
  t.match(errors[0], { stage: 'progress', taskId: 'task', message: /could not be stored/ });
  t.match(errors[0]?.cause, { code: 'store-unavailable' });
  const waiting = task.waitResult();
  t.equal(acks, 0, 'nothing is acknowledged while the outcome is not stored');
  await redis.restart();
  t.match(await executing, { isErr: false });
  t.equal(acks, 1);
  t.equal(isReadyAtAck, true);
  t.equal((await waiting).returnValue, 'kept');
});

t.test('an outcome that cannot be stored in time is told of, and not acknowledged', async (t) => {
  const { redis, broker, worker, errors } = await setUp(t, { saveWithinMs: 100 });
  let runs = 0;
  worker.register('task', async () => {
    runs += 1;
    if (runs === 1) await redis.kill();
    return runs;
  });
  const ack = () => t.fail('it was acknowledged');
  const error = await errorOf(worker.execute(message, { ack }));
  t.match(error, { name: 'WorkerError', stage: 'save', taskId: 'task', taskName: 'task' });
  t.match((error as Error).cause, { code: 'store-unavailable' });
  await redis.restart();
  const task = new Task(broker, 'task');
  await until('the store is back', async () => (await errorOf(task.isReady())) === undefined);
  t.equal(await task.isReady(), false);
  // The same from the queue within the process: the next worker is given the message again.
  runs = 0;
  await worker.start();
  await broker.queue.send(message);
  await until('it is told of', () => errors.some(({ stage }) => stage === 'save'));
  await worker.stop();
  await redis.restart();
  const next = new Worker(broker);
  t.teardown(() => next.stop());
  next.register('task', () => 'delivered again');
  await until('the store is back again', async () => (await errorOf(next.start())) === undefined);
  t.equal((await task.waitResult()).returnValue, 'delivered again');
});

t.test('a worker executes before it is told to start, and before the store is up', async (t) => {
  const { redis, broker, worker } = await setUp(t);
  await redis.kill();
  worker.register('task', () => 'early');
  t.match(await errorOf(worker.start()), { code: 'store-unavailable' });
  const executing = worker.execute(message);
  await redis.restart();
  t.match(await executing, { isErr: false });
  t.equal((await new Task(broker, 'task').getResult()).returnValue, 'early');
});

t.test('a task is sent though the store is down', async (t) => {
  const { redis, broker, worker } = await setUp(t);
  worker.register('task', () => 'sent');
  await worker.start();
  await redis.kill();
  const task = await broker.task('task').kiq();
  const waiting = task.waitResult();
  await redis.restart();
  t.equal((await waiting).returnValue, 'sent');
});

t.test('a worker that gives up at a stop does not go on saving', async (t) => {
  const { redis, broker, worker } = await setUp(t);
  worker.register('task', () => redis.kill());
  const ack = () => t.fail('it was acknowledged');
  const executing = errorOf(worker.execute(message, { ack }));
  await until(
    'the store is down',
    async () => (await errorOf(broker.resultBackend.ping())) !== undefined,
  );
  await worker.stop({ abortAfterMs: 1 });
  t.match(await executing, { stage: 'stop' });
  await redis.restart();
});

t.test('retries end with a run that the store cannot be told of meanwhile', async (t) => {
  const { redis, broker, worker } = await setUp(t);
  worker.register('task', async () => {
    if (taskContext().attempt === 1) await redis.kill();
    throw new Error(`attempt ${taskContext().attempt}`);
  });
  const labels = { retry_on_error: true, max_retries: 3 };
  const executing = worker.execute({ ...message, labels });
  await until(
    'the store is down',
    async () => (await errorOf(broker.resultBackend.ping())) !== undefined,
  );
  await redis.restart();
  t.match(await executing, { isErr: true, runs: 3 });
  t.same((await new Task(broker, 'task').getException())?.messages, ['attempt 3']);
});
