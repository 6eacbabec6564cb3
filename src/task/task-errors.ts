/**
 * What can be wrong when a task is asked about, told apart by `code`:
 *
 * - `task-unknown`, `task-removed` (ResultdError): it is not there, or not there any more;
 * - `not-ready` (ResultdError): it is there, without an outcome;
 * - `timed-out` (TaskTimeoutError): it was waited for, and time was up;
 * - `store-unavailable` and other retryable codes (ResultdError): nobody knows, the store could not
 *   be asked;
 * - `task-failed` (TaskFailedError): it is ready, and its outcome is a failure.
 */
import { ResultdError, shown } from '../errors.js';
import type { TaskException } from './task-exception.js';

/** Time was up before the task was ready. It may become ready later. */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';
  readonly code = 'timed-out';
  readonly taskId: string;
  readonly timeoutMs: number;
  /** The task's state when it was last seen; undefined where nobody has reported it. */
  readonly state: string | undefined;

  constructor(taskId: string, timeoutMs: number, state: string | undefined) {
    super(
      `task ${shown(taskId)} was not ready within ${timeoutMs} ms: it is ` +
        `${state ?? 'unknown, nobody has reported it'}. Wait for it again, or longer`,
    );
    this.taskId = taskId;
    this.timeoutMs = timeoutMs;
    this.state = state;
  }
}

/** A task's failure as an error to throw. Its causes are errors of this class too. */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';
  readonly code = 'task-failed';
  readonly taskId: string;
  /** The exception's type, such as `ValueError`; undefined for a failure without an exception. */
  readonly type: string | undefined;
  /** The exception's arguments, as they are in JSON. The first one is mostly its message. */
  readonly messages: readonly unknown[];
  /** Where the type comes from, such as `builtins`; undefined where nobody knows. */
  readonly module: string | undefined;
  /** The worker's traceback; undefined where the worker sent none. */
  readonly traceback: string | undefined;

  constructor(taskId: string, exception: TaskException | undefined) {
    super(
      exception === undefined
        ? `task ${shown(taskId)} has failed, and its outcome does not say why`
        : exception.toString(),
    );
    this.taskId = taskId;
    this.type = exception?.type;
    this.messages = exception?.messages ?? [];
    this.module = exception?.module;
    this.traceback = exception?.traceback;
    const cause =
      exception?.cause ?? (exception?.suppressesContext ? undefined : exception?.context);
    if (cause !== undefined) {
      Object.defineProperty(this, 'cause', {
        value: new TaskFailedError(taskId, cause),
        writable: true,
        configurable: true,
      });
    }
  }
}

export const unknownTask = (taskId: string): ResultdError =>
  new ResultdError(
    'task-unknown',
    `task ${shown(taskId)} is unknown: it was never reported here, or it has expired or was ` +
      'removed. To wait until it is ready, call waitResult()',
    { taskState: 'UNKNOWN' },
  );

export const unreadyTask = (taskId: string, taskState: string): ResultdError =>
  new ResultdError(
    'not-ready',
    `task ${shown(taskId)} is ${taskState} and has no outcome yet: to wait for it, call waitResult()`,
    { taskState },
  );

export const removedTask = (taskId: string): ResultdError =>
  new ResultdError(
    'task-removed',
    `task ${shown(taskId)} was deleted or consumed while it was waited for: stop waiting, unless it is to ` +
      'be run again',
    { taskState: 'UNKNOWN' },
  );
