/** The bodies of `batch/get`, `batch/wait` and `batch/delete`. All of them throw `invalid-body`. */

import { invalidBody, invalidTaskId, ResultdError, shown } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import { type Member, scanDocument, scanValue, typeAt, walkElements } from '../../json/scanner.js';
import { checkTaskId } from '../../record/names.js';
import { parseDuration } from '../../units.js';
import type { EntriesOptions } from './entries.js';
import { booleanOf, fieldsOf, stringOf, wordOf, wrongType } from './fields.js';

export interface GetBody extends EntriesOptions {
  readonly taskIds: readonly string[];
}

export interface WaitBody extends GetBody {
  /** How many different tasks must be ready. */
  readonly target: number;
  readonly waitMs: number;
}

/** Ids, or items of an array, in one batch. */
export const MAX_BATCH = 10_000;
/** How long a batch waits that does not say. */
const DEFAULT_WAIT_MS = 30_000;

const GET_KEYS = ['task_ids', 'include', 'with_logs'] as const;
const WAIT_KEYS = [...GET_KEYS, 'mode', 'wait'] as const;

export function parseGetBody(document: Buffer): GetBody {
  const fields = fieldsOf(scanDocument(document), GET_KEYS, 'a batch get');
  return { taskIds: taskIdsOf(document, fields.task_ids), ...entriesOf(document, fields) };
}

export function parseWaitBody(document: Buffer): WaitBody {
  const fields = fieldsOf(scanDocument(document), WAIT_KEYS, 'a batch wait');
  const taskIds = taskIdsOf(document, fields.task_ids);
  return {
    taskIds,
    ...entriesOf(document, fields),
    target: targetOf(document, fields.mode, new Set(taskIds).size),
    waitMs: waitOf(document, fields.wait),
  };
}

export function parseDeleteBody(document: Buffer): readonly string[] {
  const fields = fieldsOf(scanDocument(document), ['task_ids'], 'a batch delete');
  return taskIdsOf(document, fields.task_ids);
}

export function tooMany(found: number, what: string): ResultdError {
  return invalidBody(
    `the batch has ${found} ${what}, and the limit is ${MAX_BATCH}: send several batches`,
  );
}

function entriesOf(
  document: Buffer,
  fields: { readonly include?: Member; readonly with_logs?: Member },
): EntriesOptions {
  return {
    include: wordOf(document, fields.include, ['status', 'outcome']),
    withLogs: booleanOf(document, fields.with_logs),
  };
}

/** Throws `invalid-task-id` too, naming the index. */
function taskIdsOf(document: Buffer, member: Member | undefined): string[] {
  if (member === undefined) throw invalidBody('the batch has no "task_ids": give a list of ids');
  if (member.type !== 'array') throw wrongType(member, 'a list of ids');
  const taskIds: string[] = [];
  walkElements(document, member.start, (start) => {
    const end = scanValue(document, start, 0);
    taskIds.push(taskIdAt(document, start, end, taskIds.length));
    return end;
  });
  if (taskIds.length > MAX_BATCH) throw tooMany(taskIds.length, 'ids');
  return taskIds;
}

function taskIdAt(document: Buffer, start: number, end: number, index: number): string {
  const isString = typeAt(document, start) === 'string';
  const taskId = isString
    ? decodeString(document, start, end)
    : document.toString('utf8', start, end);
  try {
    if (!isString) throw invalidTaskId(taskId);
    checkTaskId(taskId);
  } catch (error) {
    throw new ResultdError('invalid-task-id', `task_ids[${index}]: ${(error as Error).message}`);
  }
  return taskId;
}

function targetOf(document: Buffer, mode: Member | undefined, distinct: number): number {
  if (mode?.type !== 'object') {
    if (wordOf(document, mode, ['all', 'any']) === 'all') return distinct;
    if (distinct === 0) throw invalidBody('"mode" is "any", but there is no id to wait for');
    return 1;
  }
  const value = document.subarray(mode.start, mode.end);
  const { count } = fieldsOf(scanDocument(value), ['count'], 'a mode');
  const text = count === undefined ? 'missing' : value.toString('utf8', count.start, count.end);
  const target = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
  if (target < 1 || target > distinct) {
    throw invalidBody(
      `the "count" of the mode is ${shown(text)}: give an integer of 1 to ${distinct}, the number ` +
        'of different ids',
    );
  }
  return target;
}

function waitOf(document: Buffer, member: Member | undefined): number {
  if (member === undefined) return DEFAULT_WAIT_MS;
  const text =
    member.type === 'number'
      ? document.toString('utf8', member.start, member.end)
      : stringOf(document, member)!;
  const waitMs = parseDuration(text);
  if (waitMs !== undefined) return waitMs;
  throw invalidBody(
    `"wait" is ${shown(text)}: give a duration such as "30s", or a number of seconds`,
  );
}
