/** The ids that a batch asks for. One that is no task's id fails alone, where the batch has items. */
import { invalidBody, invalidTaskId, ResultdError } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import { type Member, scanValue, typeAt, walkElements } from '../../json/scanner.js';
import { checkTaskId, MOST_IDS } from '../../record/names.js';
import { shownId } from './batch-item.js';
import { wrongType } from './fields.js';

/** An id that is none: what answers repeat of it, and what is wrong with it. */
export interface RefusedId {
  readonly taskId: string | null;
  readonly error: ResultdError;
}

export type AskedId = string | RefusedId;

export function isValid(id: AskedId): id is string {
  return typeof id === 'string';
}

/** The ids of a batch's body. Throws `invalid-body` where they are no list, or too many. */
export function askedIds(document: Buffer, member: Member | undefined): AskedId[] {
  if (member === undefined) throw invalidBody('the batch has no "task_ids": give a list of ids');
  if (member.type !== 'array') throw wrongType(member, 'a list of ids');
  const ids: AskedId[] = [];
  walkElements(document, member.start, (start) => {
    const end = scanValue(document, start, 0);
    ids.push(askedId(document, start, end, ids.length));
    return end;
  });
  if (ids.length > MOST_IDS) throw tooMany(ids.length, 'ids');
  return ids;
}

/** The same where a wrong id is `invalid-task-id` for all of them. */
export function validIds(document: Buffer, member: Member | undefined): string[] {
  const ids = askedIds(document, member);
  for (const id of ids) if (!isValid(id)) throw id.error;
  return ids as string[];
}

export function tooMany(found: number, what: string): ResultdError {
  return invalidBody(
    `the batch has ${found} ${what}, and the limit is ${MOST_IDS}: send several batches`,
  );
}

function askedId(document: Buffer, start: number, end: number, index: number): AskedId {
  const isString = typeAt(document, start) === 'string';
  const taskId = isString
    ? decodeString(document, start, end)
    : document.toString('utf8', start, end);
  try {
    if (!isString) throw invalidTaskId(taskId);
    checkTaskId(taskId);
    return taskId;
  } catch (error) {
    const message = `task_ids[${index}]: ${(error as Error).message}`;
    const refusal = new ResultdError('invalid-task-id', message);
    return { taskId: isString ? shownId(taskId) : null, error: refusal };
  }
}
