/** The exception of a failed task, as taskiq's ExceptionRepr has it on the wire. */

export class TaskException {
  readonly type: string;
  /** The exception's arguments. The first one is mostly its message. */
  readonly messages: readonly unknown[];
  /** Where the type comes from, such as `builtins`; undefined where nobody knows. */
  readonly module: string | undefined;
  /** Undefined where the worker sent none. */
  readonly traceback: string | undefined;
  /** What it was raised from. */
  readonly cause: TaskException | undefined;
  /** What was being handled when it was raised. */
  readonly context: TaskException | undefined;
  /** Whether the context is of no matter (`raise … from …` in Python). */
  readonly suppressesContext: boolean;

  /** `record` was checked when it was stored. */
  constructor(record: Readonly<Record<string, unknown>>) {
    this.type = record.exc_type as string;
    const { exc_message: message, exc_module: module, traceback } = record;
    this.messages = Array.isArray(message) ? message : [message];
    this.module = typeof module === 'string' ? module : undefined;
    this.traceback = typeof traceback === 'string' ? traceback : undefined;
    this.cause = exceptionOf(record.exc_cause);
    this.context = exceptionOf(record.exc_context);
    this.suppressesContext = record.exc_suppress_context === true;
  }

  /** `ValueError: no such row` */
  toString(): string {
    const texts = this.messages.map((message) =>
      typeof message === 'string' ? message : JSON.stringify(message),
    );
    return texts.length === 0 ? this.type : `${this.type}: ${texts.join(', ')}`;
  }
}

/** The exception that stands in `error` of an outcome; undefined where that is null. */
export function exceptionOf(error: unknown): TaskException | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  return new TaskException(error as Readonly<Record<string, unknown>>);
}
