/** What went wrong around a task in a worker: not in its function, whose errors are its outcome. */
import { shown } from '../errors.js';

/**
 * - `message`: what was delivered is no message. It was not acknowledged.
 * - `progress`: a report was lost; the task goes on.
 * - `encode`: what the function returned cannot be stored; an error that says so was, in its place.
 * - `save`: the outcome could not be stored. The message was not acknowledged.
 * - `ack`: the outcome is stored, but the queue could not be told. It may deliver the message again.
 * - `stop`: the worker stopped before the task was done. The message was not acknowledged.
 */
export type WorkerStage = 'message' | 'progress' | 'encode' | 'save' | 'ack' | 'stop';

export class WorkerError extends Error {
  override readonly name = 'WorkerError';
  readonly stage: WorkerStage;
  /** Undefined where the message does not say. */
  readonly taskId: string | undefined;
  readonly taskName: string | undefined;

  constructor(
    stage: WorkerStage,
    message: { readonly task_id: string; readonly task_name: string } | undefined,
    { what, cause }: { readonly what: string; readonly cause?: unknown },
  ) {
    const task =
      message === undefined ? '' : `task ${shown(message.task_id)} (${shown(message.task_name)}): `;
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    super(`${task}${what}${reason}`, cause === undefined ? undefined : { cause });
    this.stage = stage;
    this.taskId = message?.task_id;
    this.taskName = message?.task_name;
  }
}
