/**
 * The client's handle on one task: whether it is ready, what came of it, how it gets on. It is made
 * by `kiq`, or of any id: `new Task(broker, 'report-1')`.
 *
 * It runs on any backend, in this process or far away. Each way in which an answer can fail to come
 * has a `code` of its own: see `task/task-errors.ts`.
 */
import { randomUUID } from 'node:crypto';
import { HEAD_ONLY, NEVER, WITH_BODY, WITH_LOG } from './record/entry.js';
import { checkTaskId } from './record/names.js';
import type { GetOptions } from './result-backend.js';
import type { TaskBroker } from './task/broker.js';
import type { WaitLimits } from './task/long-waits.js';
import { removedTask, TaskTimeoutError, unknownTask, unreadyTask } from './task/task-errors.js';
import type { TaskException } from './task/task-exception.js';
import { TaskResult } from './task/task-result.js';
import { progressOf, statusOf, type TaskProgress, type TaskStatus } from './task/task-status.js';
import { persist } from './timing.js';

export interface WaitResultOptions extends WaitLimits, GetOptions {}

export interface TakeOptions extends GetOptions {
  /** Repeats with the same key are answered alike for 60 s. Default: a random one. */
  readonly idempotencyKey?: string | undefined;
}

/** For how long `consume` repeats itself where the answer was lost, in milliseconds. */
const CONSUMES_WITHIN_MS = 10_000;

/**
 * One task, by its id: whether it is ready, its outcome, its progress. `Value` is what its function
 * returns. It holds nothing but the id, so make as many as you like.
 */
export class Task<Value = unknown> {
  readonly taskId: string;
  /** Whose task it is. */
  readonly broker: TaskBroker;

  /** Throws `invalid-task-id`. */
  constructor(broker: TaskBroker, taskId: string) {
    checkTaskId(taskId);
    this.taskId = taskId;
    this.broker = broker;
  }

  /** Whether the task has an outcome, a success or a failure. An unknown task is not ready. */
  async isReady(): Promise<boolean> {
    await this.broker.startup();
    return this.broker.resultBackend.isResultReady(this.taskId);
  }

  /** How the task stands; undefined where it is unknown. */
  async getStatus(): Promise<TaskStatus | undefined> {
    await this.broker.startup();
    const snapshot = await this.broker.resultBackend.getStatus(this.taskId);
    return snapshot === undefined ? undefined : statusOf(snapshot);
  }

  /** The latest progress; undefined where there is none. */
  async getProgress(): Promise<TaskProgress | undefined> {
    await this.broker.startup();
    const progress = await this.broker.resultBackend.getProgress(this.taskId);
    return progress === undefined ? undefined : progressOf(progress);
  }

  /** The outcome, a failure too. Throws `task-unknown`, or `not-ready`. */
  async getResult({ withLogs }: GetOptions = {}): Promise<TaskResult<Value>> {
    await this.broker.startup();
    const snapshot = await this.broker.resultBackend.getResult(this.taskId, { withLogs });
    if (snapshot === undefined) throw unknownTask(this.taskId);
    if (!snapshot.ready) throw unreadyTask(this.taskId, snapshot.state);
    return new TaskResult<Value>(snapshot);
  }

  /**
   * The exception of a failed task; undefined where it finished well, or failed without one. Throws
   * `task-unknown`, or `not-ready`.
   */
  async getException(): Promise<TaskException | undefined> {
    return (await this.getResult()).error;
  }

  /**
   * Waits until the task is ready, however long that takes if `timeoutMs` is left out, and gives its
   * outcome, a failure too. An unknown task is waited for as well: its outcome may come before
   * anything else is heard of it. It lives through a store that cannot be asked meanwhile.
   *
   * Throws `TaskTimeoutError`, `task-removed`, a retryable error where the store could not be asked at
   * the deadline, and the signal's reason.
   */
  async waitResult(options: WaitResultOptions = {}): Promise<TaskResult<Value>> {
    const parts = options.withLogs === true ? WITH_LOG : WITH_BODY;
    const { taskId } = this;
    const { reason, snapshot } = await this.broker.waits.wait({ taskId, parts }, options);
    if (snapshot?.ready === true) return new TaskResult<Value>(snapshot);
    if (reason === 'removed') throw removedTask(taskId);
    throw new TaskTimeoutError(taskId, options.timeoutMs!, snapshot?.state);
  }

  /**
   * Waits for the task, and gives what its function returned. Throws `TaskFailedError` where it failed,
   * and else as `waitResult` does.
   */
  async value(options: WaitLimits = {}): Promise<Value> {
    return (await this.waitResult(options)).unwrap();
  }

  /**
   * Takes the outcome and removes the task, for exactly one caller. Throws `task-unknown`, which it
   * is for every other caller, or `not-ready`. Where an answer is lost it asks again, with the same
   * key, for 10 s.
   */
  async consume(options: TakeOptions = {}): Promise<TaskResult<Value>> {
    const { withLogs, idempotencyKey = randomUUID() } = options;
    const { resultBackend } = this.broker;
    const snapshot = await persist(
      async () => {
        await this.broker.startup();
        return resultBackend.consume(this.taskId, { withLogs, idempotencyKey });
      },
      { withinMs: CONSUMES_WITHIN_MS, longestPauseMs: 1_000 },
    );
    if (snapshot === undefined) throw unknownTask(this.taskId);
    return new TaskResult<Value>(snapshot);
  }

  /**
   * The task's status now, and again whenever it changes, until it is ready: that one is the last.
   * Changes that follow each other closely may be seen as one. An unknown task is waited for.
   *
   * It ends as `waitResult` does: with `task-removed`, with `TaskTimeoutError`, or with the signal's
   * reason; and with `task-unknown` where the task has expired.
   */
  async *statuses(limits: WaitLimits = {}): AsyncGenerator<TaskStatus, void, undefined> {
    const { taskId } = this;
    const { timeoutMs = Number.POSITIVE_INFINITY, signal } = limits;
    const deadline = performance.now() + timeoutMs;
    let last: TaskStatus | undefined;
    for (;;) {
      const leftMs = Math.max(0, deadline - performance.now());
      const known =
        last === undefined
          ? { knownVersions: [] }
          : { knownVersions: [last.version], knownUntil: last.expiresAt ?? NEVER };
      const { reason, snapshot } = await this.broker.waits.wait(
        { taskId, parts: HEAD_ONLY, ...known },
        { signal, timeoutMs: leftMs },
      );
      if (reason === 'removed') throw removedTask(taskId);
      if (snapshot === undefined && last !== undefined) throw unknownTask(taskId);
      if (snapshot !== undefined && snapshot.version !== last?.version) {
        last = statusOf(snapshot);
        yield last;
        if (last.isReady) return;
      } else if (performance.now() >= deadline) {
        throw new TaskTimeoutError(taskId, timeoutMs, last?.state);
      }
    }
  }
}
