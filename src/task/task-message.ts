/**
 * What travels from who wants a task done to the worker that does it: taskiq's TaskiqMessage, so
 * that either side may be taskiq.
 */
import { invalidBody, shown } from '../errors.js';
import { isObject } from '../json/values.js';
import { checkTaskId } from '../record/names.js';

/** Its keys are those of the wire, so that `JSON.stringify` makes what a queue carries. */
export interface TaskMessage {
  readonly task_id: string;
  readonly task_name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, unknown>>;
}

/** How taskiq names the type of a label that it sends as text (`taskiq.labels.LabelType`). */
const LABEL_TYPES: Readonly<Record<number, (text: string) => unknown>> = {
  2: numberOf,
  4: numberOf,
  5: (text) => text.toLowerCase() === 'true',
};

/**
 * A message from what a queue delivered: an object, or JSON as text or bytes. Missing `args`,
 * `kwargs` and `labels` are empty; other keys are ignored. Throws `invalid-body`, or
 * `invalid-task-id`.
 */
export function parseTaskMessage(delivered: unknown): TaskMessage {
  const message = objectOf(delivered);
  const { task_id: taskId, task_name: taskName } = message;
  if (typeof taskId !== 'string') throw invalid('task_id', taskId, 'a string');
  checkTaskId(taskId);
  if (typeof taskName !== 'string') throw invalid('task_name', taskName, 'a string');
  const { args = [], kwargs = {}, labels = {}, labels_types: types } = message;
  if (!Array.isArray(args)) throw invalid('args', args, 'an array');
  if (!isObject(kwargs)) throw invalid('kwargs', kwargs, 'an object');
  if (!isObject(labels)) throw invalid('labels', labels, 'an object');
  const typed = isObject(types) ? typedLabels(labels, types) : labels;
  return { task_id: taskId, task_name: taskName, args, kwargs, labels: typed };
}

function objectOf(delivered: unknown): Readonly<Record<string, unknown>> {
  let value = delivered;
  if (typeof value === 'string' || value instanceof Uint8Array) {
    try {
      value = JSON.parse(typeof value === 'string' ? value : new TextDecoder().decode(value));
    } catch (cause) {
      throw invalidBody(`the message is not JSON: ${String(cause)}`);
    }
  }
  if (isObject(value)) return value;
  throw invalidBody(
    'the message is not an object: send {"task_id", "task_name", "args", "kwargs", "labels"}',
  );
}

function typedLabels(
  labels: Readonly<Record<string, unknown>>,
  types: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(labels).map(([name, value]) => {
    const parse = LABEL_TYPES[Number(types[name])];
    return [name, parse !== undefined && typeof value === 'string' ? parse(value) : value];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** A number that JavaScript would round stays text. */
function numberOf(text: string): unknown {
  const number = Number(text);
  const isExact = !/^[+-]?\d+$/.test(text) || Number.isSafeInteger(number);
  return isExact && Number.isFinite(number) ? number : text;
}

function invalid(name: string, value: unknown, needed: string): Error {
  const found = value === undefined ? 'missing' : shown(JSON.stringify(value) ?? value);
  return invalidBody(`"${name}" of the message is ${found}: it must be ${needed}`);
}
