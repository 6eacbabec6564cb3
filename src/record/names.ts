/** The names of tasks and namespaces, and how many of them one request may have. */
import { invalidNamespace, invalidTaskId } from '../errors.js';

/** Ids, or items of a list, in one batch; tasks of one wait. */
export const MOST_IDS = 10_000;

const TASK_ID = /^(?!\.{1,2}$)[A-Za-z0-9._~:@+=-]{1,255}$/;
const NAMESPACE = /^[a-z0-9_-]{1,64}$/;

/** Throws `invalid-task-id` where it is not 1 to 255 characters of the allowed ones. */
export function checkTaskId(taskId: string): void {
  if (!TASK_ID.test(taskId)) throw invalidTaskId(taskId);
}

export function isNamespace(name: string): boolean {
  return NAMESPACE.test(name);
}

/** Throws `invalid-parameter` where it is not 1 to 64 characters of the allowed ones. */
export function checkNamespace(name: string): void {
  if (!isNamespace(name)) throw invalidNamespace(name);
}
