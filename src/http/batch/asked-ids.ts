/** The ids that a batch asks for. One that is no task's id fails alone, where the batch has items. */
import { invalidBody, invalidTaskId, ResultdError } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import type { ListMember } from '../../json/outer-documents.js';
import { type Span, typeAt } from '../../json/scanner.js';
import { checkTaskId } from '../../record/names.js';
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

/** The ids of a batch's body. Throws `invalid-body` where they are no list. */
export function askedIds(document: Buffer, member: ListMember | undefined): AskedId[] {
  return elementsOf(member).map(({ start, end }, index) => askedId(document, start, end, index));
}

/** The same where a wrong id is `invalid-task-id` for all of them. */
export function validIds(document: Buffer, member: ListMember | undefined): string[] {
  return elementsOf(member).map(({ start, end }, index) => {
    const id = askedId(document, start, end, index);
    if (!isValid(id)) throw id.error;
    return id;
  });
}

function elementsOf(member: ListMember | undefined): readonly Span[] {
  if (member === undefined) throw invalidBody('the batch has no "task_ids": give a list of ids');
  if (member.elements === undefined) throw wrongType(member, 'a list of ids');
  return member.elements;
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
