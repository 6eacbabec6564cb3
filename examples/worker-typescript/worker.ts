/**
 * A worker in TypeScript.
 *
 * Standard input is the queue: a message a line, `{"task_id", "task_name", "args", "kwargs",
 * "labels"}`. Once the outcome of one is stored, its task id is printed: that acknowledges it. A
 * message that is not acknowledged should be delivered again. The exit code is then 1.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Broker, taskContext, Worker } from 'resultd/client';

const [url = 'http://127.0.0.1:8080', retrySeconds = '120'] = process.argv.slice(2);

const broker = await Broker.fromUrl(url);
const worker = new Worker(broker, {
  concurrency: 8,
  // The first outcome of a task stands, also where its message is delivered again.
  mode: 'create',
  saveWithinMs: Number(retrySeconds) * 1_000,
});

worker.register('add', (...numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0));

worker.register('greet', (name: string) => `Hello, ${name}!`);

worker.register('fail', (message: string) => {
  throw new RangeError(message);
});

worker.register('slow', async () => {
  const { kwargs, setProgress, signal } = taskContext();
  const steps = Number(kwargs.steps);
  for (let done = 1; done <= steps; done += 1) {
    await pause(100, undefined, { signal });
    await setProgress('STARTED', { done, of: steps });
  }
  return steps;
});

const running = new Set<Promise<void>>();
for await (const line of createInterface({ input: process.stdin })) {
  const execution = execute(line).finally(() => running.delete(execution));
  running.add(execution);
}
await Promise.all(running);
await worker.stop();
await broker.shutdown();

async function execute(line: string): Promise<void> {
  try {
    const { taskId } = await worker.execute(line);
    process.stdout.write(`${taskId}\n`);
  } catch (error) {
    process.stderr.write(`not acknowledged: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
