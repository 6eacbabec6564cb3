/** Reads of any number of tasks, so many at a time that few bytes are in memory, whatever is stored. */

import { HEAD_ONLY } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';

/** About how many bytes of records are read at once. */
const CHUNK_BYTES = 1_024 * 1_024;

/** The tasks in order, without their outcomes' bytes, at most `atOnce` in one read. What comes late is as it is then. */
export async function* readInChunks(
  backend: ResultBackend,
  taskIds: readonly string[],
  atOnce: number,
): AsyncGenerator<(TaskSnapshot | undefined)[], void> {
  const bounded = { ...HEAD_ONLY, maxBytes: CHUNK_BYTES };
  for (let at = 0; at < taskIds.length; ) {
    const chunk = await backend.getMany(taskIds.slice(at, at + atOnce), bounded);
    yield chunk;
    at += chunk.length;
  }
}
