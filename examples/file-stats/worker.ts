/**
 * A worker: counts lines, words and bytes of every file of a folder and hashes it, one task for each
 * file. It reports progress and outcomes over plain HTTP.
 *
 * Several workers may run on the same folder, in any language: the first outcome of a task wins, and
 * the others are told so with a 409.
 */
import { countFile, type OnBytes } from './count.js';
import { type BytePath, listFiles, onDisk, shownPath, taskIdOf } from './folder.js';
import { forEachOf, Service } from './http.js';
import { main, readOptions } from './options.js';

/** Progress is told after so many bytes. */
const PROGRESS_BYTES = 16 * 1_024 * 1_024;

const options = readOptions({ concurrency: 8 });
const service = new Service(options.url, options.concurrency);
const tally = { reported: 0, reportedBefore: 0 };

await main(async () => {
  const files = await listFiles(options.folder);
  await forEachOf(files, options.concurrency, work);
  await service.close();
  const { reported, reportedBefore } = tally;
  process.stdout.write(
    `${files.length} files: ${reported} reported, ${reportedBefore} reported before\n`,
  );
});

async function work(path: BytePath): Promise<void> {
  const task = `/v1/tasks/${taskIdOf(options.job, path)}`;
  const started = performance.now();
  const tell = progressTeller(`${task}/status`);
  const outcome = await run(path, tell).catch((error: NodeJS.ErrnoException) => ({
    error: {
      exc_type: 'FileUnreadable',
      exc_message: [error.code ?? error.message, shownPath(path)],
    },
  }));
  const answer = await service.request(`${task}/result`, {
    method: 'POST',
    body: {
      ...outcome,
      execution_time: Number(((performance.now() - started) / 1_000).toFixed(6)),
      labels: { job: options.job, worker: 'typescript' },
    },
  });
  if (answer.problem === 'outcome-conflict') tally.reportedBefore += 1;
  else if (answer.status < 300) tally.reported += 1;
  else throw new Error(`${task} was refused: ${answer.status} ${answer.text}`);
}

async function run(path: BytePath, tell: OnBytes): Promise<object> {
  const stats = await countFile(onDisk(options.folder, path), tell);
  return { return_value: { path: shownPath(path), ...stats } };
}

/**
 * Tells of progress at the start and after every `PROGRESS_BYTES`. It is sent once: what gets lost is
 * made up for by the next one, or by the outcome.
 */
function progressTeller(path: string): OnBytes {
  let next = 0;
  return async (done, of) => {
    if (done < next) return;
    next = done + PROGRESS_BYTES;
    const body = { state: 'STARTED', meta: { done, of } };
    const once = { method: 'POST', body, retryForMs: 0, timeoutMs: 2_000 } as const;
    await service.request(path, once).catch(() => {});
  };
}
