/** Compares what a backend holds of a task with what `outcomeOf` says of its id. */
import { envelopeWithLog } from '../../src/record/envelope.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { outcomeOf } from './outcome-of.js';

/** `same` where every byte is as it was written, log included. */
export async function readBack(
  backend: ResultBackend,
  taskId: string,
): Promise<'same' | 'other' | 'absent'> {
  const snapshot = await backend.getResult(taskId, { withLogs: true });
  if (snapshot?.ready !== true) return 'absent';
  const { body, isErr, log } = outcomeOf(taskId);
  return snapshot.outcome?.equals(envelopeWithLog(body, isErr, log)) === true ? 'same' : 'other';
}
