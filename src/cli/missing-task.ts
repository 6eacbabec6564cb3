/** Why a task has no outcome to print, in the words of the command line. */
import { ResultdError, shown } from '../errors.js';
import type { TaskSnapshot } from '../record/snapshot.js';

export function unknown(taskId: string): ResultdError {
  return new ResultdError(
    'task-unknown',
    `task ${shown(taskId)} is unknown: it was never reported here, or it has expired or was ` +
      `removed. To wait until it is reported: resultd wait ${taskId}`,
  );
}

export function notReady({ taskId, state }: Pick<TaskSnapshot, 'taskId' | 'state'>): ResultdError {
  return new ResultdError(
    'not-ready',
    `task ${shown(taskId)} is ${state} and has no outcome yet. To wait for it: ` +
      `resultd wait ${taskId}`,
  );
}

export function removed(taskId: string): ResultdError {
  return new ResultdError(
    'task-removed',
    `task ${shown(taskId)} was deleted or consumed while it was waited for`,
  );
}
