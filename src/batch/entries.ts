/**
 * The entries of a batch's answer, in pieces of JSON: for each id its status view and, where asked
 * for, its outcome, whose bytes are copied as they are stored.
 *
 * Outcomes stop at a number of bytes for one answer. They are read a few at a time, so that what is
 * held at once stays small beside that.
 */
import type { ResultBackend } from '../result-backend.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../task-entry.js';
import type { TaskSnapshot } from '../task-snapshot.js';
import { ByteWriter } from './byte-writer.js';

export interface EntriesOptions {
  readonly include: 'status' | 'outcome';
  readonly withLogs: boolean;
}

/** Bytes of outcomes in one answer. */
const MAX_OUTCOME_BYTES = 64 * 1_024 * 1_024;
/** Tasks in one read without their outcomes. */
const HEADS = 500;
/** Tasks in the first read with their outcomes; twice as many in each further one, up to a bound. */
const FIRST_OUTCOMES = 4;
const MAX_OUTCOMES = 32;
/** Where outcomes are large, so many tasks are read at once as have about so many bytes. */
const OUTCOME_BYTES_AT_ONCE = 16 * 1_024 * 1_024;
/** About what an entry takes, so that the buffer seldom grows. */
const VIEW_BYTES = 512;

/** The entries of these tasks, read now, with commas between them. */
export async function* readEntries(
  backend: ResultBackend,
  taskIds: readonly string[],
  { include, withLogs }: EntriesOptions,
): AsyncGenerator<Buffer> {
  const parts = withLogs ? WITH_LOG : WITH_BODY;
  let budget = include === 'outcome' ? MAX_OUTCOME_BYTES : 0;
  let step = FIRST_OUTCOMES;
  for (let at = 0; at < taskIds.length; ) {
    const readsOutcomes = include === 'outcome' && budget > 0;
    const ids = taskIds.slice(at, at + (readsOutcomes ? step : HEADS));
    const snapshots = await backend.getMany(ids, readsOutcomes ? parts : HEAD_ONLY);
    const writer = new ByteWriter(sizeHint(snapshots));
    let bytes = 0;
    for (const [index, taskId] of ids.entries()) {
      if (at + index > 0) writer.text(',');
      const snapshot = snapshots[index];
      const outcome = include === 'outcome' ? snapshot?.outcome : undefined;
      bytes += outcome?.length ?? 0;
      if (outcome !== undefined && outcome.length > budget) budget = 0;
      if (outcome !== undefined && budget > 0) {
        budget -= outcome.length;
        writeEntry(writer, taskId, snapshot, outcome);
      } else {
        writeEntry(writer, taskId, snapshot, include === 'outcome' ? 'omitted' : undefined);
      }
    }
    at += ids.length;
    const fits = Math.floor((OUTCOME_BYTES_AT_ONCE * ids.length) / bytes);
    step = Math.max(1, Math.min(2 * step, MAX_OUTCOMES, fits));
    yield writer.take();
  }
}

/** The entries of these tasks as they were read before, without outcomes. */
export function* statusEntries(snapshots: readonly TaskSnapshot[]): Generator<Buffer> {
  for (let at = 0; at < snapshots.length; at += HEADS) {
    const some = snapshots.slice(at, at + HEADS);
    const writer = new ByteWriter(sizeHint(some));
    for (const [index, snapshot] of some.entries()) {
      if (at + index > 0) writer.text(',');
      writeEntry(writer, snapshot.taskId, snapshot, undefined);
    }
    yield writer.take();
  }
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
  const head = `{"task_id":"${taskId}","found":true,"status":${snapshot.toStatusView()}`;
  if (outcome === undefined || !snapshot.ready) {
    writer.text(`${head}}`);
  } else if (outcome === 'omitted') {
    writer.text(`${head},"outcome_omitted":true}`);
  } else {
    const contentType = JSON.stringify(snapshot.contentType);
    if (snapshot.isOpaque) {
      writer.text(`${head},"content_type":${contentType},"outcome_base64":"`);
      writer.text(outcome.toString('base64'));
      writer.text('"}');
    } else {
      writer.text(`${head},"content_type":${contentType},"outcome":`);
      writer.bytes(outcome);
      writer.text('}');
    }
  }
}

function sizeHint(snapshots: readonly (TaskSnapshot | undefined)[]): number {
  let size = 0;
  for (const snapshot of snapshots) size += VIEW_BYTES + (snapshot?.outcome?.length ?? 0);
  return size;
}
