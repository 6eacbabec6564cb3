/** How a task stands, without its outcome. */
import type { Progress } from '../record/progress.js';
import type { TaskSnapshot } from '../record/snapshot.js';

/** What a task has told of its progress. */
export interface TaskProgress {
  /** `PENDING`, `STARTED`, `RETRY`, or a word of the task's own. */
  readonly state: string;
  /** Any JSON, by `JSON.parse`; null where the task told none. */
  readonly meta: unknown;
}

export interface TaskStatus {
  readonly taskId: string;
  /** `SUCCESS` or `FAILURE` where there is an outcome, else the progress's state. */
  readonly state: string;
  /** Whether there is an outcome. */
  readonly isReady: boolean;
  /** Undefined where there is no outcome. */
  readonly isErr: boolean | undefined;
  /** The latest progress; undefined where none was told, or where it has expired. */
  readonly progress: TaskProgress | undefined;
  /** Another one after each write. */
  readonly version: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds of the last write. */
  readonly updatedAt: number;
  /** Epoch milliseconds; undefined where it never expires. */
  readonly expiresAt: number | undefined;
}

export function statusOf(snapshot: TaskSnapshot): TaskStatus {
  const { progress } = snapshot;
  return {
    taskId: snapshot.taskId,
    state: snapshot.state,
    isReady: snapshot.ready,
    isErr: snapshot.isErr,
    progress: progress === undefined ? undefined : progressOf(progress),
    version: snapshot.version,
    createdAt: snapshot.createdAt,
    updatedAt: snapshot.updatedAt,
    expiresAt: snapshot.expiresAt,
  };
}

export function progressOf({ state, meta }: Progress): TaskProgress {
  return { state, meta: JSON.parse(meta.toString()) };
}
