/**
 * The entries of a batch's answer, in pieces of JSON: for each id its status view and, where asked
 * for, its outcome, whose bytes are copied as they are stored.
 *
 * Outcomes stop at a number of bytes for one answer. They are read up to a number of bytes at a time,
 * so that what is held at once stays small beside that, and so is progress, which may be large too.
 */

import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../../record/entry.js';
import { JSON_TYPE } from '../../record/outcome.js';
import type { TaskSnapshot } from '../../record/snapshot.js';
import type { ResultBackend } from '../../result-backend.js';
import { ByteWriter } from './byte-writer.js';

export interface EntriesOptions {
  readonly include: 'status' | 'outcome';
  readonly withLogs: boolean;
}

/** Bytes of outcomes in one answer. */
const MAX_OUTCOME_BYTES = 64 * 1_024 * 1_024;
/** Tasks in one read. */
const AT_ONCE = 500;
/** Bytes of outcomes and progress in one read, about. */
const BYTES_AT_ONCE = 1_024 * 1_024;
/** About what an entry takes, so that the buffer seldom grows. */
const VIEW_BYTES = 512;
const COMMA = 0x2c;
const CLOSE_OBJECT = 0x7d;

/** What stands around the entries. */
export interface Frame {
  readonly before: string;
  readonly after: string;
}

/** The entries of these tasks, read now, with commas between them. */
export async function* readEntries(
  backend: ResultBackend,
  taskIds: readonly string[],
  { include, withLogs }: EntriesOptions,
  frame: Frame,
): AsyncGenerator<Buffer> {
  const parts = { ...(withLogs ? WITH_LOG : WITH_BODY), maxBytes: BYTES_AT_ONCE };
  const heads = { ...HEAD_ONLY, maxBytes: BYTES_AT_ONCE };
  const omitted = include === 'outcome' ? 'omitted' : undefined;
  let budget = include === 'outcome' ? MAX_OUTCOME_BYTES : 0;
  let at = 0;
  do {
    const ids = taskIds.slice(at, at + AT_ONCE);
    const snapshots = await backend.getMany(ids, budget > 0 ? parts : heads);
    const writer = new ByteWriter(sizeHint(snapshots));
    if (at === 0) writer.text(frame.before);
    for (let index = 0; index < snapshots.length; index += 1) {
      const snapshot = snapshots[index];
      let outcome = budget > 0 ? snapshot?.outcome : undefined;
      if (outcome !== undefined && outcome.length > budget) {
        outcome = undefined;
        budget = 0;
      }
      budget -= outcome?.length ?? 0;
      if (at + index > 0) writer.byte(COMMA);
      writeEntry(writer, ids[index]!, snapshot, outcome ?? omitted);
    }
    at += snapshots.length;
    if (at === taskIds.length) writer.text(frame.after);
    yield writer.take();
  } while (at < taskIds.length);
}

/** The entries of these tasks as they were read before, without outcomes. */
export function* statusEntries(
  snapshots: readonly TaskSnapshot[],
  frame: Frame,
): Generator<Buffer> {
  const capacity = Math.min(VIEW_BYTES * snapshots.length, BYTES_AT_ONCE) + 3 * frame.after.length;
  let writer = new ByteWriter(capacity);
  writer.text(frame.before);
  for (const [index, snapshot] of snapshots.entries()) {
    if (index > 0) writer.byte(COMMA);
    writeEntry(writer, snapshot.taskId, snapshot, undefined);
    if (writer.length < BYTES_AT_ONCE) continue;
    yield writer.take();
    writer = new ByteWriter(capacity);
  }
  writer.text(frame.after);
  yield writer.take();
}

/** One entry. `omitted` says so where the task has an outcome that is not in the answer. */
function writeEntry(
  writer: ByteWriter,
  taskId: string,
  snapshot: TaskSnapshot | undefined,
  outcome: Buffer | 'omitted' | undefined,
): void {
  if (snapshot === undefined) {
    writer.text(`{"task_id":"${taskId}","found":false,"status":null}`);
    return;
  }
  const head = `{"task_id":"${taskId}","found":true,"status":`;
  if (outcome === undefined || !snapshot.ready) {
    snapshot.writeStatusView(writer, head, '}');
  } else if (outcome === 'omitted') {
    snapshot.writeStatusView(writer, head, ',"outcome_omitted":true}');
  } else if (snapshot.isOpaque) {
    const contentType = JSON.stringify(snapshot.contentType);
    snapshot.writeStatusView(writer, head, `,"content_type":${contentType},"outcome_base64":"`);
    writer.text(outcome.toString('base64'));
    writer.text('"}');
  } else {
    snapshot.writeStatusView(writer, head, `,"content_type":"${JSON_TYPE}","outcome":`);
    writer.bytes(outcome);
    writer.byte(CLOSE_OBJECT);
  }
}

function sizeHint(snapshots: readonly (TaskSnapshot | undefined)[]): number {
  let size = 0;
  for (const snapshot of snapshots) size += VIEW_BYTES + (snapshot?.heldBytes ?? 0);
  return size;
}
