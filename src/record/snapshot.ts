/**
 * A task as one read found it. It is a value: it does not change when the task does.
 */

import {
  entryExpiresAt,
  loadedBytes,
  NEVER,
  type Parts,
  progressMeta,
  progressState,
  stateOf,
  type TaskEntry,
  trimmedEntry,
  versionOf,
} from './entry.js';
import { envelopeWithLog } from './envelope.js';
import { errorBytes, JSON_TYPE } from './outcome.js';
import type { Progress } from './progress.js';
import { timestamp } from './timestamp.js';

const SUCCEEDED = '"SUCCESS","ready":true,"is_err":false';
const FAILED = '"FAILURE","ready":true,"is_err":true';
const NO_PROGRESS = ',"progress":null';
const NO_OUTCOME = ',"content_type":null,"size":null,"execution_time":null';
const JSON_OUTCOME = `,"content_type":"${JSON_TYPE}","size":`;

/** Takes a document in pieces, one after the other. */
interface ViewWriter {
  text(text: string): void;
  bytes(bytes: Buffer): void;
}

/** Progress of at least so many bytes is not made text of. */
const LARGE_BYTES = 4_096;

export class TaskSnapshot {
  readonly taskId: string;
  readonly #entry: TaskEntry;
  #version: string | undefined;

  /** `entry` must be live: see `liveEntry`. */
  constructor(taskId: string, entry: TaskEntry) {
    this.taskId = taskId;
    this.#entry = entry;
  }

  /** The same task without the bytes that these parts do not have. */
  trimmedTo(parts: Parts): TaskSnapshot {
    const trimmed = trimmedEntry(this.#entry, parts);
    return trimmed === this.#entry ? this : new TaskSnapshot(this.taskId, trimmed!);
  }

  /** The bytes of outcome, log and progress that it holds. */
  get heldBytes(): number {
    return loadedBytes(this.#entry);
  }

  /** True where the task has an outcome; its progress never makes it ready. */
  get ready(): boolean {
    return this.#entry.outcome !== undefined;
  }

  /** `SUCCESS` or `FAILURE` where there is an outcome, else the progress's state. */
  get state(): string {
    return stateOf(this.#entry);
  }

  /** The ETag without its quotes: `<ms>-<random>.<live>`. No two contents of a task share one. */
  get version(): string {
    this.#version ??= versionOf(this.#entry);
    return this.#version;
  }

  /** Whether the outcome is a failure; undefined where there is no outcome. */
  get isErr(): boolean | undefined {
    return this.#entry.outcome?.isErr;
  }

  /** True where the outcome is a failure, or a success that has an `error` beside it. */
  get hasException(): boolean {
    return this.#entry.outcome?.isErr === true || this.#entry.outcome?.hasError === true;
  }

  /** The outcome's media type; undefined where there is no outcome. */
  get contentType(): string | undefined {
    return this.#entry.outcome?.contentType;
  }

  /** True where the outcome is not a JSON envelope. */
  get isOpaque(): boolean {
    return this.#entry.outcome?.isOpaque === true;
  }

  /** The bytes of the outcome without its log; undefined where there is no outcome. */
  get size(): number | undefined {
    return this.#entry.outcome?.size;
  }

  /** Seconds, spelt as the writer spelt them; undefined where there is no outcome. */
  get executionTime(): string | undefined {
    return this.#entry.outcome?.executionTime;
  }

  /**
   * The outcome as it is answered: the envelope (with its log, where the read asked for it), or the
   * opaque bytes. Undefined where there is no outcome, or where the read did not ask for it.
   */
  get outcome(): Buffer | undefined {
    const { outcome, body, log } = this.#entry;
    if (outcome === undefined || body === undefined) return undefined;
    return outcome.isOpaque ? body : envelopeWithLog(body, outcome.isErr, log);
  }

  /** The JSON of the exception, `null` where there is none; needs a read with the outcome. */
  get exception(): Buffer | undefined {
    const { outcome, body } = this.#entry;
    return outcome === undefined || body === undefined ? undefined : errorBytes(outcome, body);
  }

  /** The progress; undefined where there is none. */
  get progress(): Progress | undefined {
    const { progress } = this.#entry;
    if (progress === undefined) return undefined;
    return { state: progressState(progress), meta: progressMeta(progress) };
  }

  /** Epoch milliseconds of the last write. */
  get updatedAt(): number {
    return this.#entry.versionMs;
  }

  /** Epoch milliseconds of the task's first write. */
  get createdAt(): number {
    return this.#entry.createdAt;
  }

  /** Epoch milliseconds; undefined where the task never expires. */
  get expiresAt(): number | undefined {
    const at = entryExpiresAt(this.#entry);
    return at === NEVER ? undefined : at;
  }

  /** The status view as JSON text: the wire form of everything above but the outcome's bytes. */
  toStatusView(): string {
    return this.#view(this.#entry.progress?.toString());
  }

  /** Writes the status view between two texts. Large progress does not become text for it. */
  writeStatusView(writer: ViewWriter, before: string, after: string): void {
    const { progress } = this.#entry;
    if (progress === undefined || progress.length < LARGE_BYTES) {
      writer.text(before + this.toStatusView() + after);
      return;
    }
    // JSON text has no such character.
    const [start, end] = this.#view('\0').split('\0');
    writer.text(before + start);
    writer.bytes(progress);
    writer.text(end + after);
  }

  #view(progress: string | undefined): string {
    const { outcome, createdAt } = this.#entry;
    const { updatedAt, expiresAt } = this;
    const created = timestamp(createdAt);
    // Few and long pieces: each of them costs more than its bytes do.
    const state =
      outcome === undefined
        ? `${JSON.stringify(this.state)},"ready":false,"is_err":null`
        : outcome.isErr
          ? FAILED
          : SUCCEEDED;
    return (
      `{"task_id":"${this.taskId}","state":${state},"version":"${this.version}"` +
      (progress === undefined ? NO_PROGRESS : `,"progress":${progress}`) +
      (outcome === undefined
        ? NO_OUTCOME
        : (outcome.isOpaque ? typeOf(outcome.contentType) : JSON_OUTCOME) +
          `${outcome.size},"execution_time":${outcome.executionTime}`) +
      `,"created_at":"${created}","updated_at":"` +
      (updatedAt === createdAt ? created : timestamp(updatedAt)) +
      (expiresAt === undefined
        ? '","expires_at":null}'
        : `","expires_at":"${timestamp(expiresAt)}"}`)
    );
  }
}

function typeOf(contentType: string): string {
  return `,"content_type":${JSON.stringify(contentType)},"size":`;
}

/** The status view of a task that has no record. */
export function unknownStatusView(taskId: string): string {
  return (
    `{"task_id":"${taskId}","state":null,"ready":false,"is_err":null,"version":null` +
    ',"progress":null,"content_type":null,"size":null,"execution_time":null' +
    ',"created_at":null,"updated_at":null,"expires_at":null}'
  );
}
