/**
 * One message being executed: the runs of its function, the status that is told meanwhile, and the
 * outcome, which is saved before anything else may happen to the message.
 */

import { ResultdError, shown } from '../errors.js';
import type { Outcome } from '../record/outcome.js';
import type { ResultBackend } from '../result-backend.js';
import type { TaskMessage } from '../task/task-message.js';
import { persist, startTimer } from '../timing.js';
import { retryRule, timeoutOf } from './labels.js';
import { isRefused, outcomeOf, type Run, standInOf } from './outcome-record.js';
import { ProgressReporter } from './progress-reporter.js';
import { runWithin, type TaskContext } from './task-context.js';
import { TaskLog } from './task-log.js';
import { WorkerError, type WorkerStage } from './worker-error.js';

/** A task's function: it is called with the message's `args`. */
export type TaskFunction = (...args: never[]) => unknown;

interface ExecutionOptions {
  readonly mode: 'create' | 'replace';
  readonly ttlMs: number | undefined;
  readonly saveWithinMs: number;
  readonly capturesLogs: boolean;
  readonly reportsStart: boolean;
  readonly onError: (error: WorkerError) => void;
}

/** What came of a message. Its outcome is stored. */
export interface ExecutionReport {
  readonly taskId: string;
  readonly isErr: boolean;
  /** How often the function was run; 0 where there is none of that name. */
  readonly runs: number;
}

/** The longest pause between two attempts to save. */
const LONGEST_PAUSE_MS = 5_000;

export class Execution {
  readonly #message: TaskMessage;
  readonly #backend: ResultBackend;
  readonly #options: ExecutionOptions;
  readonly #progress: ProgressReporter;
  /** Aborts where the worker does not wait any longer. */
  readonly #stopping = new AbortController();
  #runs = 0;

  constructor(message: TaskMessage, backend: ResultBackend, options: ExecutionOptions) {
    this.#message = message;
    this.#backend = backend;
    this.#options = options;
    this.#progress = new ProgressReporter(backend, message.task_id, (cause) =>
      options.onError(this.#error('progress', 'its progress could not be stored', cause)),
    );
  }

  /** Gives the task up: nothing is stored for it from now on. */
  abort(): void {
    this.#stopping.abort(this.#error('stop', 'the worker has stopped before the task was done'));
  }

  /** Runs the function and stores its outcome. Throws a `WorkerError` where that is not stored. */
  async execute(run: TaskFunction | undefined): Promise<ExecutionReport> {
    const last = run === undefined ? this.#unknown() : await this.#runAll(run);
    await this.#progress.settled();
    this.#stopping.signal.throwIfAborted();
    await this.#save(last);
    return { taskId: this.#message.task_id, isErr: 'thrown' in last, runs: this.#runs };
  }

  #unknown(): Run {
    const thrown = new Error(
      `this worker has no function of the name ${shown(this.#message.task_name)}: register one`,
    );
    thrown.name = 'UnknownTaskError';
    return { thrown, executionTime: 0, log: null, labels: this.#message.labels };
  }

  async #runAll(run: TaskFunction): Promise<Run> {
    const { labels } = this.#message;
    const { isOn, made, most } = retryRule(labels);
    // It is on its way while the function runs: a store that is slow or down holds up no task.
    if (this.#options.reportsStart) void this.#progress.report('STARTED');
    for (let retries = made; ; retries += 1) {
      const result = await this.#run(
        run,
        retries === made ? labels : { ...labels, _retries: retries },
      );
      this.#stopping.signal.throwIfAborted();
      if ('returned' in result || !isOn || retries + 1 >= most) return result;
      await this.#progress.report('RETRY');
    }
  }

  async #run(run: TaskFunction, labels: TaskMessage['labels']): Promise<Run> {
    this.#runs += 1;
    const log = this.#options.capturesLogs ? new TaskLog() : undefined;
    const { signal, clear } = this.#limit(timeoutOf(labels));
    let isOver = false;
    // A function that goes on after its time was up has nothing more to tell.
    const isHeard = (): boolean => !isOver && !signal.aborted;
    const context: TaskContext = {
      taskId: this.#message.task_id,
      taskName: this.#message.task_name,
      kwargs: this.#message.kwargs,
      labels,
      attempt: this.#runs,
      signal,
      setProgress: async (state, meta) => {
        if (isHeard()) await this.#progress.report(state, meta);
      },
      log: (...items) => {
        if (isHeard()) log?.add(items);
      },
    };
    const start = performance.now();
    const end = await untilAborted(
      () => runWithin(context, () => run(...(this.#message.args as never[]))),
      signal,
    ).then(
      (returned) => ({ returned }),
      (thrown: unknown) => ({ thrown }),
    );
    const executionTime = Number(((performance.now() - start) / 1_000).toFixed(6));
    isOver = true;
    clear();
    return { ...end, executionTime, log: log?.toText() ?? null, labels };
  }

  /** The signal of one run: it aborts when its time is over, or the worker does not wait for it. */
  #limit(timeoutMs: number | undefined): { signal: AbortSignal; clear: () => void } {
    const stopping = this.#stopping.signal;
    if (timeoutMs === undefined) return { signal: stopping, clear: () => {} };
    const ending = new AbortController();
    const stop = (): void => ending.abort(stopping.reason);
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop);
    const stopTimer = startTimer(timeoutMs, () => {
      const error = new Error(
        `the task did not end within ${timeoutMs / 1_000} s (label "timeout")`,
      );
      error.name = 'TimeoutError';
      ending.abort(error);
    });
    const clear = (): void => {
      stopTimer();
      stopping.removeEventListener('abort', stop);
    };
    return { signal: ending.signal, clear };
  }

  async #save(run: Run): Promise<void> {
    const refusal = await this.#store(() => outcomeOf(run));
    if (refusal === undefined) return;
    this.#options.onError(
      this.#error(
        'encode',
        'its outcome was refused, and an error is stored in its place',
        refusal,
      ),
    );
    const again = await this.#store(() => standInOf(run, this.#message, refusal));
    if (again !== undefined) throw this.#error('save', 'its outcome could not be stored', again);
  }

  /** Stores an outcome; the error where it is refused for what it is. */
  async #store(make: () => Outcome): Promise<ResultdError | undefined> {
    const { mode, ttlMs, saveWithinMs } = this.#options;
    try {
      const outcome = make();
      await persist(
        async () => {
          await this.#backend.startup();
          await this.#backend.setResult(this.#message.task_id, outcome, { mode, ttlMs });
        },
        {
          withinMs: saveWithinMs,
          longestPauseMs: LONGEST_PAUSE_MS,
          signal: this.#stopping.signal,
        },
      );
      return undefined;
    } catch (error) {
      if (isRefused(error)) return error;
      // With `create` the first outcome stands: a message that came twice is done.
      if (error instanceof ResultdError && error.code === 'outcome-conflict') return undefined;
      if (error instanceof WorkerError) throw error;
      throw this.#error('save', 'its outcome could not be stored', error);
    }
  }

  #error(stage: WorkerStage, what: string, cause?: unknown): WorkerError {
    return new WorkerError(stage, this.#message, { what, cause });
  }
}

/** What `run` comes to, or the signal's reason where that aborts first. */
async function untilAborted(run: () => unknown, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([run(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}
