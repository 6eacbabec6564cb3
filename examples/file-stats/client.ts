/**
 * A client: waits for the outcome of every file of a folder, and prints them as a table.
 *
 * It registers the tasks, and then waits for each by long polling: one wait after another, until the
 * task is ready. It lives through a service that is down, busy or restarted. It ends with code 1
 * where a task failed, or was not ready in time.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FileStats } from './count.js';
import { listFiles, shownPath, taskIdOf } from './folder.js';
import { forEachOf, Service } from './http.js';
import { main, readOptions } from './options.js';
import { printTable, type Row } from './table.js';

/** One wait, in seconds. The service would take up to 55. */
const WAIT_SECONDS = 30;

/** The part of an outcome that this client reads. */
interface Outcome {
  readonly is_err: boolean;
  readonly return_value: FileStats | null;
  readonly error: { readonly exc_type: string; readonly exc_message: readonly unknown[] } | null;
}

const options = readOptions({ concurrency: 64 });
const service = new Service(options.url, options.concurrency);
const deadline = Date.now() + options.timeout * 1_000;

await main(async () => {
  const files = await listFiles(options.folder);
  const rows: Row[] = files.map((path) => ({ file: shownPath(path), state: 'UNKNOWN' }));
  try {
    await forEachOf(files, options.concurrency, (path) => register(taskIdOf(options.job, path)));
    await forEachOf(files, options.concurrency, async (path, index) => {
      Object.assign(rows[index]!, await waitFor(taskIdOf(options.job, path)));
    });
  } finally {
    printTable(rows);
  }
  await service.close();
  process.exitCode = rows.every(({ state }) => state === 'SUCCESS') ? 0 : 1;
});

/** Makes the task known, so that others see that it is waited for. It changes no task that is. */
async function register(taskId: string): Promise<void> {
  const body = { state: 'PENDING' };
  await service.request(`/v1/tasks/${taskId}/status`, { method: 'POST', body });
}

/** What became of a task, or its state when the time is up. */
async function waitFor(taskId: string): Promise<Omit<Row, 'file'>> {
  let state = 'UNKNOWN';
  for (;;) {
    const seconds = Math.min(WAIT_SECONDS, Math.ceil((deadline - Date.now()) / 1_000));
    if (seconds <= 0) return { state };
    const asked = Date.now();
    const answer = await service.request(`/v1/tasks/${taskId}/result?wait=${seconds}s`);
    if (answer.status === 200) return rowOf(JSON.parse(answer.text) as Outcome);
    if (answer.problem === 'task-removed') return { state: 'REMOVED' };
    if (answer.status === 202) state = (JSON.parse(answer.text) as { state: string }).state;
    else if (answer.problem !== 'task-unknown') return { state: answer.problem ?? 'ERROR' };
    // A service that shuts down answers at once; it is not asked again at once.
    if (Date.now() - asked < 1_000) await pause(250 + Math.random() * 500);
  }
}

function rowOf({ is_err: isErr, return_value: stats, error }: Outcome): Omit<Row, 'file'> {
  if (!isErr && stats !== null) return { state: 'SUCCESS', stats };
  const reason = error === null ? '' : `${error.exc_type}: ${String(error.exc_message[0] ?? '')}`;
  return { state: 'FAILURE', reason };
}
