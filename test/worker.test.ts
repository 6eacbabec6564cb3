/** The Worker: what it runs, what it stores, and what happens to a message meanwhile. */
import t, { type Test } from 'tap';
import { Broker } from '../src/broker.js';
import { Worker, type WorkerOptions } from '../src/worker.js';

async function open(t: Test, options: WorkerOptions = {}) {
  const broker = await Broker.fromUrl('memory:');
  const worker = new Worker(broker, options);
  t.teardown(async () => {
    await worker.stop();
    await broker.shutdown();
  });
  return { broker, worker };
}

t.test('broker.task(…).kiq(…) runs end to end in one process', async (t) => {
  const { broker, worker } = await open(t);
  worker.register('add', (a: number, b: number) => a + b);
  await worker.start();
  const task = await broker.task('add').kiq(1, 2);
  const result = await task.waitResult({ timeoutMs: 20_000 });
  t.equal(result.returnValue, 3);
  t.equal(result.isErr, false);
  t.ok(result.executionTime >= 0);
});
