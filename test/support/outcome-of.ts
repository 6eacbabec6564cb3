/**
 * An outcome that follows from its task's id, so that whoever knows the id can say what must be
 * stored, byte for byte. Sizes go from a few bytes to several pages of a store; some have a log.
 */
import { createHash } from 'node:crypto';
import { type Outcome, outcomeFromValue } from '../../src/record/outcome.js';

export function outcomeOf(taskId: string): Outcome {
  const digest = createHash('sha256').update(taskId).digest();
  const size = [20, 900, 1_100, 3_900, 4_200, 20_000][digest[0]! % 6]!;
  const text = digest
    .toString('hex')
    .repeat(Math.ceil(size / 64))
    .slice(0, size);
  const log = digest[1]! % 3 === 0 ? `log of ${taskId}: ${text.slice(0, 200)}` : null;
  return outcomeFromValue({ returnValue: { taskId, text }, log, isErr: digest[2]! % 4 === 0 });
}
