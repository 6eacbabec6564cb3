/** The bodies of `batch/get`, `batch/wait` and `batch/delete`. All of them throw `invalid-body`. */

import { invalidBody, shown } from '../../errors.js';
import { scanLists } from '../../json/outer-documents.js';
import { type Member, scanDocument } from '../../json/scanner.js';
import { MOST_IDS } from '../../record/names.js';
import { parseDuration } from '../../units.js';
import { type AskedId, askedIds, validIds } from './asked-ids.js';
import type { EntriesOptions } from './entries.js';
import { booleanOf, fieldsOf, stringOf, wordOf } from './fields.js';

interface GetBody extends EntriesOptions {
  readonly taskIds: readonly AskedId[];
}

export interface WaitBody extends EntriesOptions {
  readonly taskIds: readonly string[];
  /** How many different tasks must be ready. */
  readonly target: number;
  readonly waitMs: number;
}

/** How long a batch waits that does not say. */
const DEFAULT_WAIT_MS = 30_000;

const GET_KEYS = ['task_ids', 'include', 'with_logs'] as const;
const WAIT_KEYS = [...GET_KEYS, 'mode', 'wait'] as const;

export function parseGetBody(document: Buffer): GetBody {
  const fields = fieldsOf(scanLists(document, MOST_IDS), GET_KEYS, 'a batch get');
  return { taskIds: askedIds(document, fields.task_ids), ...entriesOf(document, fields) };
}

export function parseWaitBody(document: Buffer): WaitBody {
  const fields = fieldsOf(scanLists(document, MOST_IDS), WAIT_KEYS, 'a batch wait');
  const taskIds = validIds(document, fields.task_ids);
  return {
    taskIds,
    ...entriesOf(document, fields),
    target: targetOf(document, fields.mode, new Set(taskIds).size),
    waitMs: waitOf(document, fields.wait),
  };
}

export function parseDeleteBody(document: Buffer): readonly AskedId[] {
  const fields = fieldsOf(scanLists(document, MOST_IDS), ['task_ids'], 'a batch delete');
  return askedIds(document, fields.task_ids);
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
