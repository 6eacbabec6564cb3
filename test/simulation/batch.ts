/**
 * Batches of writes as a simulation sends them, and the law that needs no history: each answer stands
 * in the place of its item, that of an item refused before a store is asked too.
 */
import { ResultdError } from '../../src/errors.js';
import type { ResultBackend, SetManyItem, WriteReceipt } from '../../src/result-backend.js';
import type { SentConditions } from './history.js';
import type { RecordWrite } from './schedule.js';
import { OUTCOMES, progressOf } from './values.js';

/** No task can have this id. */
const REFUSED: SetManyItem = { taskId: '', outcome: OUTCOMES[0]! };

export function batchItem(
  taskId: string,
  write: RecordWrite,
  conditions: SentConditions,
): SetManyItem {
  const { value, ttlMs } = write;
  return write.kind === 'outcome'
    ? { taskId, outcome: OUTCOMES[value]!, options: { mode: write.mode, ttlMs, conditions } }
    : {
        taskId,
        progress: progressOf(write.mode, value),
        options: { mode: write.mode, ttlMs, conditions },
      };
}

/** The answers to the items alone; `refusedAt`: where one more stands that has to be refused. */
export async function setMany(
  backend: ResultBackend,
  items: readonly SetManyItem[],
  refusedAt?: number,
): Promise<(WriteReceipt | ResultdError)[]> {
  if (refusedAt === undefined) return answersTo(items, await backend.setMany(items));
  const sent = items.toSpliced(refusedAt, 0, REFUSED);
  const answers = answersTo(sent, await backend.setMany(sent));
  const [refusal] = answers.splice(Math.min(refusedAt, items.length), 1);
  if (!(refusal instanceof ResultdError) || refusal.code !== 'invalid-task-id') {
    throw new Error(`an item without a task id was answered ${JSON.stringify(refusal)}`);
  }
  return answers;
}

function answersTo<T>(items: readonly SetManyItem[], answers: T[]): T[] {
  if (answers.length === items.length) return answers;
  throw new Error(`${items.length} items of a batch had ${answers.length} answers`);
}
