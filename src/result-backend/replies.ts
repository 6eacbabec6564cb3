/**
 * What a store's reply is for the caller of the contract: a snapshot, the receipt of a write, or
 * the error of a write that was refused.
 */

import type { ResultdError } from '../errors.js';
import * as errors from '../errors.js';
import {
  HEAD_ONLY,
  type Parts,
  stateOf,
  type TaskEntry,
  trimmedEntry,
  versionOf,
} from '../record/entry.js';
import { TaskSnapshot } from '../record/snapshot.js';
import type { Reply } from './commands.js';
import type { WriteReceipt } from './types.js';

export function snapshotOf(
  taskId: string,
  entry: TaskEntry | undefined,
  parts: Parts,
): TaskSnapshot | undefined {
  const trimmed = trimmedEntry(entry, parts);
  return trimmed === undefined ? undefined : new TaskSnapshot(taskId, trimmed);
}

export function receiptOf(taskId: string, { verdict, entry }: Reply): WriteReceipt {
  return {
    verdict: verdict as WriteReceipt['verdict'],
    snapshot: snapshotOf(taskId, entry, HEAD_ONLY),
  };
}

/** The error of a write that was refused; undefined where it was not. */
export function refusalIn(taskId: string, { verdict, entry }: Reply): ResultdError | undefined {
  if (verdict !== 'mismatch' && verdict !== 'conflict') return undefined;
  const state = entry === undefined ? 'UNKNOWN' : stateOf(entry);
  if (verdict === 'conflict') return errors.outcomeConflict(taskId, state);
  const version = entry === undefined ? undefined : versionOf(entry);
  return errors.versionMismatch(taskId, version, state);
}

/** What a reply comes to; what cannot be read in it is no more than its own item's failure. */
export function answerOf(taskId: string, reply: Reply | Error): WriteReceipt | ResultdError {
  try {
    if (reply instanceof Error) throw reply;
    return refusalIn(taskId, reply) ?? receiptOf(taskId, reply);
  } catch (error) {
    return errors.resultdError(error);
  }
}
