/** Why tasks failed: a status does not say, so the outcomes of those that failed are read too. */

import { WITH_BODY } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';
import { summaryOf } from './outcome-text.js';
import type { ShownTask } from './task-lines.js';

/** How many bytes of outcomes one read moves at most, beyond the first. */
const MOST_BYTES = 16 * 1_024 * 1_024;

/** The same tasks as they are printed in JSON, which has no reasons. */
export function withoutReasons(snapshots: readonly TaskSnapshot[]): ShownTask[] {
  return snapshots.map((snapshot) => ({ snapshot, why: undefined }));
}

/** The same tasks, each with why it failed; a task that was removed meanwhile has no reason. */
export async function withReasons(
  backend: ResultBackend,
  snapshots: readonly TaskSnapshot[],
): Promise<ShownTask[]> {
  const ids = snapshots.filter(({ isErr }) => isErr === true).map(({ taskId }) => taskId);
  const whole =
    ids.length === 0 ? [] : await backend.getMany(ids, { ...WITH_BODY, maxBytes: MOST_BYTES });
  const reasons = new Map<string, string>();
  for (const snapshot of whole) {
    if (snapshot?.isErr !== true || snapshot.outcome === undefined) continue;
    reasons.set(snapshot.taskId, summaryOf(snapshot));
  }
  return snapshots.map((snapshot) => ({ snapshot, why: reasons.get(snapshot.taskId) }));
}
