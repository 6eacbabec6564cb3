/**
 * What a task's function can ask of the worker that runs it. The function gets the message's `args`
 * and nothing else; all the rest is here: `const { kwargs, signal } = taskContext()`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface TaskContext {
  readonly taskId: string;
  readonly taskName: string;
  /** The arguments by name: JavaScript has none, so they do not reach the function itself. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, unknown>>;
  /** Which run of this message this is, from 1 on. */
  readonly attempt: number;
  /** Aborts when the task's time is over, or the worker stops and does not wait for it. */
  readonly signal: AbortSignal;
  /**
   * Tells of progress. `state` is `STARTED` or a word of one's own; `meta` is any JSON, and what it
   * was before where it is left out. Resolves once this, or a later one, is stored, or could not be:
   * a store that is down, or progress above its limit, does not fail
   * the task. Throws `invalid-body` for what JSON cannot hold.
   */
  setProgress(state: string, meta?: unknown): Promise<void>;
  /** Adds a line to the task's log, where the worker captures logs. */
  log(...items: readonly unknown[]): void;
}

const contexts = new AsyncLocalStorage<TaskContext>();

/**
 * The context of the task that is running. It follows `await`, timers and promises. Throws outside of
 * a task: call it when the function starts, and hand it on to where that matters.
 */
export function taskContext(): TaskContext {
  const context = contexts.getStore();
  if (context !== undefined) return context;
  throw new Error('taskContext() was called outside of a task: call it when the function starts');
}

/** The context of the task that is running; undefined outside of one. */
export function currentContext(): TaskContext | undefined {
  return contexts.getStore();
}

export function runWithin<T>(context: TaskContext, run: () => T): T {
  return contexts.run(context, run);
}
