/**
 * Waits for a task, tells of its progress, and prints its outcome.
 *
 * Exit codes: 0 success, 1 the task failed, 2 usage, 3 not ready in time, 4 it could not be asked, or
 * the task was removed.
 */
import { Broker, Task, TaskTimeoutError } from 'resultd/client';

const [url, taskId, seconds = '60', ...rest] = process.argv.slice(2);
if (url === undefined || taskId === undefined || rest.length > 0) {
  process.stderr.write('usage: client <url> <task id> [<seconds>]\n');
  process.exit(2);
}

const broker = await Broker.fromUrl(url);
try {
  const task = new Task(broker, taskId);
  const timeoutMs = Number(seconds) * 1_000;
  for await (const { state, progress } of task.statuses({ timeoutMs })) {
    process.stderr.write(`${state} ${JSON.stringify(progress?.meta ?? null)}\n`);
  }
  const result = await task.getResult();
  process.stdout.write(`${result.bytes}\n`);
  process.exitCode = result.isErr ? 1 : 0;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof TaskTimeoutError ? 3 : 4;
} finally {
  await broker.shutdown();
}
