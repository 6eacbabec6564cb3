/** `batch/delete`: a bounded number of tasks at a time, each of which is removed or fails alone. */
import type { ResultdError } from '../../errors.js';
import type { ResultBackend } from '../../result-backend.js';
import { problemOf } from '../problem.js';
import { type AskedId, isValid } from './asked-ids.js';
import { Reached } from './reached.js';

const AT_ONCE = 500;

/**
 * The answers as JSON. Of an id that comes twice, the first one deletes. `toError` makes an error of
 * what nobody expected. Throws `store-unavailable` where the store could be asked for none of them.
 */
export async function deleteMany(
  backend: ResultBackend,
  ids: readonly AskedId[],
  { toError, hasGone }: { toError: (thrown: unknown) => ResultdError; hasGone: () => boolean },
): Promise<string> {
  const answers: string[] = [];
  const reached = new Reached();
  const remove = async (id: AskedId, isRepeated: boolean): Promise<string> => {
    if (!isValid(id)) return refusal(id.taskId, id.error);
    try {
      const deleted = !isRepeated && (await backend.delete(id));
      if (!isRepeated) reached.answered();
      return `{"task_id":"${id}","deleted":${deleted}}`;
    } catch (thrown) {
      const error = toError(thrown);
      reached.failed(error);
      return refusal(id, error);
    }
  };
  const seen = new Set<AskedId>();
  for (let at = 0; at < ids.length && !hasGone(); at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE).map((id) => {
      const isRepeated = seen.has(id);
      seen.add(id);
      return remove(id, isRepeated);
    });
    answers.push(...(await Promise.all(some)));
  }
  reached.check();
  return `{"items":[${answers.join(',')}]}`;
}

function refusal(taskId: string | null, error: ResultdError): string {
  return JSON.stringify({ task_id: taskId, deleted: null, problem: problemOf(error) });
}
