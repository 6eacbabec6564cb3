/** `batch/delete`: a bounded number of tasks at a time, each of which is removed or fails alone. */
import type { ResultdError } from '../../errors.js';
import type { ResultBackend } from '../../result-backend.js';
import { problemOf } from '../problem.js';

const AT_ONCE = 500;

/**
 * The answers as a JSON array. Of an id that comes twice, the first one deletes. `toError` makes an
 * error of what nobody expected.
 */
export async function deleteMany(
  backend: ResultBackend,
  taskIds: readonly string[],
  { toError, hasGone }: { toError: (thrown: unknown) => ResultdError; hasGone: () => boolean },
): Promise<string> {
  const answers: string[] = [];
  const remove = async (taskId: string, isRepeated: boolean): Promise<string> => {
    try {
      const deleted = !isRepeated && (await backend.delete(taskId));
      return `{"task_id":"${taskId}","deleted":${deleted}}`;
    } catch (error) {
      const problem = JSON.stringify(problemOf(toError(error)));
      return `{"task_id":"${taskId}","deleted":null,"problem":${problem}}`;
    }
  };
  const seen = new Set<string>();
  for (let at = 0; at < taskIds.length && !hasGone(); at += AT_ONCE) {
    const some = taskIds.slice(at, at + AT_ONCE).map((taskId) => {
      const isRepeated = seen.has(taskId);
      seen.add(taskId);
      return remove(taskId, isRepeated);
    });
    answers.push(...(await Promise.all(some)));
  }
  return `[${answers.join(',')}]`;
}
