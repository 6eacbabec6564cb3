/**
 * The outcome of a task as its client reads it: taskiq's TaskiqResult. A failure is a value too;
 * `unwrap` throws it.
 */
import { type InspectOptionsStylized, inspect } from 'node:util';
import { ResultdError, shown } from '../errors.js';
import { type Member, membersOfStored } from '../json/scanner.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import { TaskFailedError } from './task-errors.js';
import { exceptionOf, type TaskException } from './task-exception.js';

export class TaskResult<Value = unknown> {
  readonly taskId: string;
  readonly isErr: boolean;
  /** Seconds. */
  readonly executionTime: number;
  /** `application/json`, or what the worker said of its bytes. */
  readonly contentType: string;
  /** True where the outcome is not JSON: then only its bytes can be read. */
  readonly isOpaque: boolean;
  /** The outcome as it is stored: the JSON of the whole, or the opaque bytes. */
  readonly bytes: Buffer;
  #members: ReadonlyMap<string, Member> | undefined;

  /** The snapshot must be one of a ready task, with its outcome's bytes. */
  constructor(snapshot: TaskSnapshot) {
    this.taskId = snapshot.taskId;
    this.isErr = snapshot.isErr!;
    this.executionTime = Number(snapshot.executionTime);
    this.contentType = snapshot.contentType!;
    this.isOpaque = snapshot.isOpaque;
    this.bytes = snapshot.outcome!;
  }

  /**
   * What the function returned, by `JSON.parse`, which rounds numbers that JavaScript cannot hold:
   * `returnValueJson` has them as they were sent. Throws `media-type` for an opaque outcome.
   */
  get returnValue(): Value {
    return JSON.parse(this.returnValueJson) as Value;
  }

  /** The JSON of the value, as it was sent. Throws `media-type` for an opaque outcome. */
  get returnValueJson(): string {
    if (this.isOpaque) {
      throw new ResultdError(
        'media-type',
        `the outcome of task ${shown(this.taskId)} is ${this.contentType}, not JSON: read its bytes`,
      );
    }
    return this.#json('return_value');
  }

  /** The exception; undefined where there is none, as for an opaque failure. */
  get error(): TaskException | undefined {
    return this.isOpaque ? undefined : exceptionOf(JSON.parse(this.#json('error')));
  }

  /** What the task logged; undefined where it logged nothing, or where it was not asked for. */
  get log(): string | undefined {
    const log = this.isOpaque ? null : (JSON.parse(this.#json('log')) as string | null);
    return log ?? undefined;
  }

  /** The labels of the task's message; an opaque outcome has none. */
  get labels(): Readonly<Record<string, unknown>> {
    return this.isOpaque ? {} : (JSON.parse(this.#json('labels')) as Record<string, unknown>);
  }

  /** The return value of a success. Throws `TaskFailedError` for a failure. */
  unwrap(): Value {
    if (this.isErr) throw new TaskFailedError(this.taskId, this.error);
    return this.returnValue;
  }

  /** What `JSON.stringify` shows: the outcome, with its value or its error. */
  toJSON(): Record<string, unknown> {
    const { taskId, isErr, executionTime, contentType } = this;
    if (this.isOpaque) {
      return { taskId, isErr, contentType, base64: this.bytes.toString('base64'), executionTime };
    }
    const came = this.isErr ? { error: this.error ?? null } : { returnValue: this.returnValue };
    return { taskId, isErr, ...came, executionTime, labels: this.labels, log: this.log ?? null };
  }

  /** What came of the task, in one line. */
  toString(): string {
    if (this.isOpaque) return `${this.taskId}: ${this.bytes.length} bytes of ${this.contentType}`;
    if (!this.isErr) return `${this.taskId}: ${this.returnValueJson}`;
    return `${this.taskId} failed: ${this.error ?? 'its outcome does not say why'}`;
  }

  /** What `console.log` shows. */
  [inspect.custom](_depth: number, options: InspectOptionsStylized): string {
    return `TaskResult ${inspect(this.toJSON(), options)}`;
  }

  #json(name: string): string {
    this.#members ??= new Map(
      membersOfStored(this.bytes).map((member) => [member.name, member] as const),
    );
    const { start, end } = this.#members.get(name)!;
    return this.bytes.toString('utf8', start, end);
  }
}
