/** The answer of a batch wait, in pieces of JSON. */

import type { ManyWaitResult } from '../../result-backend/task-waits.js';
import type { ResultBackend } from '../../result-backend.js';
import type { WaitBody } from './batch-bodies.js';
import { readEntries, statusEntries } from './entries.js';

/**
 * What was found ready is what is listed as ready. Outcomes, and progress where it is large, are read
 * after that, at the last moment: a task that is removed just then has an entry that says so.
 */
export async function* waitedAnswer(
  backend: ResultBackend,
  { taskIds, ...options }: WaitBody,
  { isComplete, ready }: ManyWaitResult,
): AsyncGenerator<Buffer> {
  const readyIds = taskIds.filter((taskId) => ready.has(taskId));
  const pending = taskIds.filter((taskId) => !ready.has(taskId));
  const frame = {
    before: `{"complete":${isComplete},"ready":[`,
    after: `],"pending":${JSON.stringify(pending)}}`,
  };
  const snapshots = readyIds.map((taskId) => ready.get(taskId));
  if (options.include === 'status' && snapshots.every((snapshot) => snapshot !== undefined)) {
    yield* statusEntries(snapshots, frame);
  } else {
    yield* readEntries(backend, readyIds, options, frame);
  }
}
