/**
 * The Worker runs functions and stores what came of them through a broker's result backend.
 *
 * Messages reach it from the broker's queue (`start`), or from any other by `execute`. A message is
 * acknowledged after its outcome is stored, so that it is done at least once: a function may run
 * again for a message that was delivered again, and its last outcome stands.
 */

import { invalidParameter, shown } from './errors.js';
import type { TaskBroker } from './task/broker.js';
import { Kicker } from './task/kicker.js';
import { parseTaskMessage, type TaskMessage } from './task/task-message.js';
import { Gate, startTimer } from './timing.js';
import { Execution, type ExecutionReport, type TaskFunction } from './worker/execution.js';
import { captureConsole } from './worker/task-log.js';
import { WorkerError } from './worker/worker-error.js';

export interface WorkerOptions {
  /** How many tasks may run at once. Default: 100. */
  readonly concurrency?: number;
  /**
   * Which outcome stands where a task gets two: `replace` (the default, as in taskiq) the last one,
   * `create` the first one.
   */
  readonly mode?: 'create' | 'replace';
  /** How long outcomes are kept, in milliseconds, or `NEVER`. Default: as the backend says. */
  readonly ttlMs?: number;
  /**
   * For how long saving an outcome is tried again where the store cannot be asked, in milliseconds.
   * Default: 10 minutes.
   */
  readonly saveWithinMs?: number;
  /** Keep what tasks log and print with `console` in their outcomes. Default: false. */
  readonly capturesLogs?: boolean;
  /** Report `STARTED` when a task is begun. Default: true. */
  readonly reportsStart?: boolean;
  /**
   * Told what `execute` does not throw: reports that were lost, outcomes that could not be encoded,
   * and all that goes wrong with messages from the broker's queue. Default: prints it.
   */
  readonly onError?: (error: WorkerError) => void;
}

export interface ExecuteOptions {
  /** Tells the queue that the message is done. It is called once, after the outcome is stored. */
  readonly ack?: () => unknown;
}

export interface StopOptions {
  /**
   * After so many milliseconds, tasks that still run are given up: their signal aborts, nothing is
   * stored for them, and their messages are not acknowledged. Default: they are waited for.
   */
  readonly abortAfterMs?: number;
}

type Settings = Required<Omit<WorkerOptions, 'ttlMs'>> & { readonly ttlMs: number | undefined };

const TEN_MINUTES_MS = 600_000;

/**
 * Runs the functions that are registered with it, and stores what they return or throw. `start` takes
 * messages from the broker's queue; `execute` takes one that came by other means.
 */
export class Worker {
  readonly #broker: TaskBroker;
  readonly #options: Settings;
  readonly #functions = new Map<string, TaskFunction>();
  readonly #running = new Set<Execution>();
  readonly #gate: Gate;
  #stopReceiving: (() => void | Promise<void>) | undefined;
  #endCapture: () => void = () => {};
  #isStopped = false;

  /** Throws `invalid-parameter` for an option that is not valid. */
  constructor(broker: TaskBroker, options: WorkerOptions = {}) {
    this.#broker = broker;
    this.#options = {
      concurrency: options.concurrency ?? 100,
      mode: options.mode ?? 'replace',
      ttlMs: options.ttlMs,
      saveWithinMs: options.saveWithinMs ?? TEN_MINUTES_MS,
      capturesLogs: options.capturesLogs ?? false,
      reportsStart: options.reportsStart ?? true,
      onError: options.onError ?? ((error) => console.error(error.message)),
    };
    checkOptions(this.#options);
    this.#gate = new Gate(this.#options.concurrency);
    if (this.#options.capturesLogs) this.#endCapture = captureConsole();
  }

  /**
   * Runs this function for the tasks of this name: `run(...args)`. All else that a message says is in
   * `taskContext()`. Gives what sends such tasks. Throws `invalid-parameter` for a name that is taken.
   */
  register<Args extends unknown[], Value>(
    taskName: string,
    run: (...args: Args) => Value,
  ): Kicker<Args, Awaited<Value>> {
    if (this.#functions.has(taskName)) {
      throw invalidParameter(`there is a function of the name ${shown(taskName)} already`);
    }
    this.#functions.set(taskName, run as TaskFunction);
    this.#broker.addTaker(taskName);
    return new Kicker<Args, Awaited<Value>>(this.#broker, taskName);
  }

  /** Takes messages from the broker's queue from now on. Throws `invalid-parameter` where it
   * delivers none. */
  async start(): Promise<void> {
    const { queue } = this.#broker;
    if (queue.receive === undefined) {
      throw invalidParameter(
        "the broker's queue does not deliver messages: hand them to execute() as they come",
      );
    }
    await this.#broker.startup();
    this.#stopReceiving = await queue.receive(
      async (message, ack) => {
        await this.execute(message, { ack }).catch((error: unknown) => {
          this.#tell(error as WorkerError);
          throw error;
        });
      },
      { prefetch: this.#options.concurrency },
    );
  }

  /**
   * Executes one message, taskiq's: an object, or JSON as text or bytes. Resolves once its outcome is
   * stored and the message is acknowledged. A function that fails is an outcome like any other, and
   * so is a task that no function is registered for.
   *
   * Throws a `WorkerError` where the outcome could not be stored, where what was delivered is no
   * message, or where the worker has stopped: then nothing was acknowledged.
   */
  async execute(delivered: unknown, { ack }: ExecuteOptions = {}): Promise<ExecutionReport> {
    const message = this.#parse(delivered);
    if (this.#isStopped || !(await this.#gate.enter())) throw stopped(message);
    const execution = new Execution(message, this.#broker.resultBackend, {
      ...this.#options,
      onError: (error) => this.#tell(error),
    });
    this.#running.add(execution);
    try {
      const report = await execution.execute(this.#functions.get(message.task_name));
      await this.#acknowledge(message, ack);
      return report;
    } finally {
      this.#running.delete(execution);
      this.#gate.leave();
    }
  }

  /** Takes no more messages, and waits until those that run are done. Safe to repeat. */
  async stop({ abortAfterMs }: StopOptions = {}): Promise<void> {
    this.#isStopped = true;
    await this.#stopReceiving?.();
    this.#gate.refuse();
    let stopTimer = (): void => {};
    if (abortAfterMs !== undefined) {
      stopTimer = startTimer(abortAfterMs, () => {
        for (const execution of this.#running) execution.abort();
      });
    }
    await this.#gate.idle();
    stopTimer();
    this.#endCapture();
  }

  #parse(delivered: unknown): TaskMessage {
    try {
      return parseTaskMessage(delivered);
    } catch (cause) {
      throw new WorkerError('message', undefined, {
        what: 'what was delivered is no message',
        cause,
      });
    }
  }

  async #acknowledge(message: TaskMessage, ack: ExecuteOptions['ack']): Promise<void> {
    try {
      await ack?.();
    } catch (cause) {
      const what = 'its outcome is stored, but its message could not be acknowledged';
      throw new WorkerError('ack', message, { what, cause });
    }
  }

  #tell(error: WorkerError): void {
    try {
      this.#options.onError(error);
    } catch {
      // What its owner's handler throws must not cost a task its outcome.
    }
  }
}

/** What would be refused with each outcome, when its task has run, is refused at once. */
function checkOptions({ concurrency, mode, ttlMs, saveWithinMs }: Settings): void {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalidParameter(
      `the concurrency ${shown(concurrency)} must be a whole number from 1 on`,
    );
  }
  if (mode !== 'create' && mode !== 'replace') {
    throw invalidParameter(`the mode ${shown(mode)} must be "replace" or "create"`);
  }
  if (ttlMs !== undefined && !(ttlMs > 0)) {
    throw invalidParameter(
      `the time to live ${shown(ttlMs)} must be milliseconds above 0, or NEVER`,
    );
  }
  if (!(saveWithinMs >= 0)) {
    throw invalidParameter(`saveWithinMs ${shown(saveWithinMs)} must be milliseconds from 0 on`);
  }
}

function stopped(message: TaskMessage): WorkerError {
  const what = 'the worker has stopped: it takes no more messages';
  return new WorkerError('stop', message, { what });
}
