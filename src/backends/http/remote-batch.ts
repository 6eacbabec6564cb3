/** Reads of many tasks, in as few requests as the service's limits allow. */
import { storeUnavailable } from '../../errors.js';
import { JSON_TYPE } from '../../outcome.js';
import type { Parts, TaskEntry } from '../../task-entry.js';
import { batchEntries } from './task-view.js';
import type { RemoteAnswer, RemoteRequest } from './transport.js';

/** Below the service's limit of 10,000: an answer is read whole. */
const IDS_AT_ONCE = 1_000;

export async function readMany(
  taskIds: readonly string[],
  parts: Parts,
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
  for (let at = 0; at < taskIds.length; at += IDS_AT_ONCE) {
    const some = taskIds.slice(at, at + IDS_AT_ONCE);
    const question = { task_ids: some, include, with_logs: parts.log };
    const { body } = await call({
      method: 'POST',
      path: '/v1/batch/get',
      headers: { 'content-type': JSON_TYPE },
      body: [Buffer.from(JSON.stringify(question))],
      expected: [200],
    });
    const entries = batchEntries(body);
    if (entries.length !== some.length) {
      throw storeUnavailable(
        `the resultd answered ${entries.length} entries for ${some.length} ids`,
      );
    }
    // Outcomes beyond 64 MiB are left out of an answer.
    for (const { taskId, entry, isOmitted } of entries) {
      found.push(isOmitted ? await readOne(taskId) : entry);
    }
  }
  return found;
}
