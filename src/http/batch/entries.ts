/**
 * The entries of a batch's answer, in pieces of JSON: for each id its status view and, where asked
 * for, its outcome, whose bytes are copied as they are stored.
 *
 * Outcomes stop at a number of bytes for one answer. They are read up to a number of bytes at a time,
 * so that what is held at once stays small beside that, and so is progress, which may be large too.
 */

import { outcomeMember } from '../../record/embedded-outcome.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../../record/entry.js';
import type { TaskSnapshot } from '../../record/snapshot.js';
import type { ResultBackend } from '../../result-backend.js';
import { problemOf } from '../problem.js';
import { type AskedId, isValid, type RefusedId } from './asked-ids.js';
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

/** What stands around the entries. */
interface Frame {
  readonly before: string;
  readonly after: string;
}

/** The entries of these tasks, read now, with commas between them. An id that is none fails alone. */
export async function* readEntries(
  backend: ResultBackend,
  asked: readonly AskedId[],
  { include, withLogs }: EntriesOptions,
  frame: Frame,
): AsyncGenerator<Buffer> {
  const parts = { ...(withLogs ? WITH_LOG : WITH_BODY), maxBytes: BYTES_AT_ONCE };
  const heads = { ...HEAD_ONLY, maxBytes: BYTES_AT_ONCE };
  const omitted = include === 'outcome' ? 'omitted' : undefined;
  let budget = include === 'outcome' ? MAX_OUTCOME_BYTES : 0;
  let at = 0;
  do {
    const some = asked.slice(at, at + AT_ONCE);
    const snapshots = await backend.getMany(some.filter(isValid), budget > 0 ? parts : heads);
    const writer = new ByteWriter(sizeHint(snapshots));
    if (at === 0) writer.text(frame.before);
    let read = 0;
    for (const id of some) {
      if (isValid(id) && read === snapshots.length) break;
      if (at > 0) writer.byte(COMMA);
      at += 1;
      if (!isValid(id)) {
        writeRefused(writer, id);
        continue;
      }
      const snapshot = snapshots[read];
      read += 1;
      let outcome = budget > 0 ? snapshot?.outcome : undefined;
      if (outcome !== undefined && outcome.length > budget) {
        outcome = undefined;
        budget = 0;
      }
      budget -= outcome?.length ?? 0;
      writeEntry(writer, id, snapshot, outcome ?? omitted);
    }
    if (at === asked.length) writer.text(frame.after);
    yield writer.take();
  } while (at < asked.length);
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
  } else {
    const [before, bytes, after] = outcomeMember(snapshot.isOpaque, outcome);
    const contentType = JSON.stringify(snapshot.contentType);
    snapshot.writeStatusView(writer, head, `,"content_type":${contentType},${before}`);
    writer.bytes(bytes);
    writer.text(`${after}}`);
  }
}

function writeRefused(writer: ByteWriter, { taskId, error }: RefusedId): void {
  const [id, problem] = [JSON.stringify(taskId), JSON.stringify(problemOf(error))];
  writer.text(`{"task_id":${id},"found":false,"status":null,"problem":${problem}}`);
}

function sizeHint(snapshots: readonly (TaskSnapshot | undefined)[]): number {
  let size = 0;
  for (const snapshot of snapshots) size += VIEW_BYTES + (snapshot?.heldBytes ?? 0);
  return size;
}
