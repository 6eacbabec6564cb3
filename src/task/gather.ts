/** Waits for many tasks at once, and reads their outcomes: one wait, however many they are. */

import { invalidParameter } from '../errors.js';
import { WITH_BODY, WITH_LOG } from '../record/entry.js';
import { MOST_IDS } from '../record/names.js';
import type { GetOptions } from '../result-backend.js';
import type { Task } from '../task.js';
import { persist } from '../timing.js';
import type { TaskBroker } from './broker.js';
import type { WaitLimits } from './long-waits.js';
import { TaskResult } from './task-result.js';

export interface GatherOptions extends WaitLimits, GetOptions {
  /** How many of the tasks to wait for. Default: `all`. */
  readonly mode?: 'all' | 'any' | { readonly count: number };
}

/** What became of the tasks. Two handles on the same id count as one task. */
export interface Gathered<Value = unknown> {
  /** Whether as many tasks were ready as was asked for. */
  readonly isComplete: boolean;
  /** In the order of the tasks; undefined for each that was not ready in time. */
  readonly results: readonly (TaskResult<Value> | undefined)[];
  /** The tasks that were not ready in time. */
  readonly pending: readonly Task<Value>[];
}

/** What the function of a task returns; of several kinds of tasks, any of their values. */
type ValueOf<T extends Task> = T extends Task<infer Value> ? Value : never;

/** Outcomes of one read. */
const READ = 100;
/** For how long the outcomes are asked for again once the tasks are ready, in milliseconds. */
const READS_WITHIN_MS = 10_000;

/**
 * Waits until the tasks are ready, or as many of them as `mode` says, and gives their outcomes,
 * failures too. Time being up is no error: the answer says which tasks were not ready. A task that
 * is removed meanwhile is not ready.
 *
 * Throws `invalid-parameter` for tasks of several brokers, and for more than 10,000 of them unless
 * all are waited for; a retryable error where the store could not be asked; the signal's reason.
 */
export async function gather<Tasks extends readonly Task[]>(
  tasks: Tasks,
  { mode = 'all', withLogs, ...limits }: GatherOptions = {},
): Promise<Gathered<ValueOf<Tasks[number]>>> {
  const broker = tasks[0]?.broker;
  if (broker === undefined) return { isComplete: true, results: [], pending: [] };
  if (tasks.some((task) => task.broker !== broker)) {
    throw invalidParameter(
      'the tasks belong to several brokers: gather those of each by themselves',
    );
  }
  const taskIds = [...new Set(tasks.map(({ taskId }) => taskId))];
  const ready = await waitFor(broker, taskIds, { mode, limits });
  const outcomes = await readOutcomes<ValueOf<Tasks[number]>>(
    broker,
    ready.taskIds,
    withLogs === true,
  );
  return {
    isComplete: ready.isComplete,
    results: tasks.map(({ taskId }) => outcomes.get(taskId)),
    pending: tasks.filter(({ taskId }) => !outcomes.has(taskId)) as Task<ValueOf<Tasks[number]>>[],
  };
}

async function waitFor(
  broker: TaskBroker,
  taskIds: readonly string[],
  { mode, limits }: { mode: NonNullable<GatherOptions['mode']>; limits: WaitLimits },
): Promise<{ isComplete: boolean; taskIds: string[] }> {
  const chunks: string[][] = [];
  for (let at = 0; at < taskIds.length; at += MOST_IDS)
    chunks.push(taskIds.slice(at, at + MOST_IDS));
  if (mode !== 'all' && chunks.length > 1) {
    throw invalidParameter(
      `${taskIds.length} tasks are too many to wait for some of them: give at most ${MOST_IDS}`,
    );
  }
  const results = await Promise.all(
    chunks.map((chunk) =>
      broker.waits.waitMany({ taskIds: chunk, target: targetOf(mode, chunk.length) }, limits),
    ),
  );
  return {
    isComplete: results.every(({ isComplete }) => isComplete),
    taskIds: results.flatMap(({ ready }) => [...ready.keys()]),
  };
}

function targetOf(mode: NonNullable<GatherOptions['mode']>, distinct: number): number {
  if (mode === 'all') return distinct;
  const count = mode === 'any' ? 1 : mode.count;
  if (Number.isInteger(count) && count >= 1 && count <= distinct) return count;
  throw invalidParameter(
    `the count ${count} of tasks to wait for must be from 1 to ${distinct}, the number of tasks`,
  );
}

async function readOutcomes<Value>(
  broker: TaskBroker,
  taskIds: readonly string[],
  withLogs: boolean,
): Promise<Map<string, TaskResult<Value>>> {
  const outcomes = new Map<string, TaskResult<Value>>();
  const parts = withLogs ? WITH_LOG : WITH_BODY;
  for (let at = 0; at < taskIds.length; at += READ) {
    const some = taskIds.slice(at, at + READ);
    const snapshots = await persist(() => broker.resultBackend.getMany(some, parts), {
      withinMs: READS_WITHIN_MS,
      longestPauseMs: 1_000,
    });
    for (const snapshot of snapshots) {
      if (snapshot?.ready === true) {
        outcomes.set(snapshot.taskId, new TaskResult<Value>(snapshot));
      }
    }
  }
  return outcomes;
}
