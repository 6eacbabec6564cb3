/** Reads of many tasks, in as few requests as the service's limits allow. */

import { storeUnavailable } from '../../errors.js';
import { loadedBytes, type ManyParts, type TaskEntry } from '../../record/entry.js';
import { JSON_TYPE } from '../../record/outcome.js';
import type { RemoteAnswer, RemoteRequest } from './remote-connections.js';
import { batchEntries } from './task-view.js';

/** Below the service's limit of 10,000: an answer is read whole. */
const IDS_AT_ONCE = 1_000;
/** Where the bytes of outcomes are bounded. */
const BOUNDED_IDS = 32;

export async function readMany(
  taskIds: readonly string[],
  parts: ManyParts,
  {
    call,
    readOne,
  }: {
    readonly call: (request: RemoteRequest) => Promise<RemoteAnswer>;
    readonly readOne: (taskId: string) => Promise<TaskEntry | undefined>;
  },
): Promise<(TaskEntry | undefined)[]> {
  const found: (TaskEntry | undefined)[] = [];
  const include = parts.body || parts.log ? 'outcome' : 'status';
  const { maxBytes = Number.POSITIVE_INFINITY } = parts;
  const step = maxBytes < Number.POSITIVE_INFINITY ? BOUNDED_IDS : IDS_AT_ONCE;
  let bytes = 0;
  while (found.length < taskIds.length && bytes < maxBytes) {
    const some = taskIds.slice(found.length, found.length + step);
    const question = { task_ids: some, include, with_logs: parts.log };
    const { body } = await call({
      method: 'POST',
      path: '/v1/batch/get',
      headers: { 'content-type': JSON_TYPE },
      body: [Buffer.from(JSON.stringify(question))],
      expected: [200],
    });
    const entries = batchEntries(body, 'items');
    if (entries.length !== some.length) {
      throw storeUnavailable(
        `the resultd answered ${entries.length} entries for ${some.length} ids`,
      );
    }
    // Outcomes beyond 64 MiB are left out of an answer.
    for (const { taskId, entry, isOmitted } of entries) {
      if (bytes >= maxBytes) break;
      const read = isOmitted ? await readOne(taskId) : entry;
      bytes += loadedBytes(read);
      found.push(read);
    }
  }
  return found;
}
