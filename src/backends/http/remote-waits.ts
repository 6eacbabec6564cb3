/**
 * Waits that a remote resultd holds: each is one long poll. The service may end it early, and whatever
 * goes wrong on the way ends it: who wants to wait longer, or through that, starts another.
 */

import { invalidParameter } from '../../errors.js';
import { versionOf } from '../../record/entry.js';
import { checkTaskId, MOST_IDS } from '../../record/names.js';
import { JSON_TYPE } from '../../record/outcome.js';
import { TaskSnapshot } from '../../record/snapshot.js';
import { snapshotOf } from '../../result-backend/replies.js';
import {
  isBeforeItsTime,
  type ManyWait,
  type ManyWaitRequest,
  type ManyWaitResult,
  type TaskWaits,
  type Wait,
  type WaitRequest,
  type WaitResult,
} from '../../result-backend/task-waits.js';
import { absentOr, tagsOf, taskPath } from './command-request.js';
import type { RemoteAnswer, RemoteRequest } from './remote-connections.js';
import { problemIn } from './remote-errors.js';
import { batchEntries, entryFromView } from './task-view.js';
import type { Transport } from './transport.js';

/** Sends a request that the service may hold for so long. */
type Ask = (request: RemoteRequest, waitMs: number) => Promise<RemoteAnswer>;

/** The longest poll for the first status of a task, which does not end it. */
const LONGEST_UNKNOWN_MS = 2_000;

export class RemoteWaits implements TaskWaits {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The result rejects with `store-unavailable` where the service could not be asked. */
  wait(request: WaitRequest): Wait {
    return this.#hold((ask) => this.#poll(request, ask));
  }

  /** The same for many tasks. More than 10,000 are an `invalid-parameter`. */
  waitMany(request: ManyWaitRequest): ManyWait {
    return this.#hold((ask) => pollMany(request, ask));
  }

  #hold<T>(run: (ask: Ask) => Promise<T>): { result: Promise<T>; cancel(): void } {
    const abort = new AbortController();
    const { signal } = abort;
    const result = new Promise<T>((resolve, reject) => {
      run((request, waitMs) => this.#transport.park(request, waitMs, signal)).then(
        (value) => signal.aborted || resolve(value),
        (error: unknown) => signal.aborted || reject(error),
      );
    });
    return { result, cancel: () => abort.abort() };
  }

  async #poll(request: WaitRequest, ask: Ask): Promise<WaitResult> {
    const { taskId, timeoutMs, knownVersions, knownUntil } = request;
    checkTaskId(taskId);
    const tags = knownVersions === undefined ? undefined : tagsOf(knownVersions);
    // A poll without versions ends with the outcome alone: it is not told of a task that has gone
    // before it began, nor of the first status of another.
    const looksFirst =
      tags === undefined && (knownVersions !== undefined || knownUntil !== undefined);
    if (timeoutMs === 0 || looksFirst) {
      const found = this.#resultOf(await ask(lookAt(request), 0), request);
      if (timeoutMs === 0 || found.reason !== 'timeout') return found;
    }
    const waitMs = Math.ceil(
      knownVersions?.length === 0 ? Math.min(timeoutMs, LONGEST_UNKNOWN_MS) : timeoutMs,
    );
    const headers: Record<string, string> = tags === undefined ? {} : { 'if-none-match': tags };
    const answer = await ask({ ...lookAt(request, waitMs), headers }, waitMs);
    if (answer.status !== 304) return this.#resultOf(answer, request);
    // That it is as it was says nothing of how it is.
    return this.#resultOf(await ask(lookAt(request), 0), request);
  }

  /** What the answer ends a wait with, by the rules of the wait hub. */
  #resultOf(answer: RemoteAnswer, request: WaitRequest): WaitResult {
    const { taskId, parts, knownVersions, knownUntil } = request;
    const entry =
      answer.status === 200
        ? entryFromView(answer.body)
        : absentOr(answer, this.#transport.settings.shown).entry;
    const result = (reason: WaitResult['reason']): WaitResult => ({
      reason,
      snapshot: snapshotOf(taskId, entry, parts),
    });
    if (entry === undefined) {
      const isRemoved = problemIn(answer)?.code === 'task-removed' || isBeforeItsTime(knownUntil);
      if (isRemoved) return result('removed');
      // Who names a version has known the task: there is nothing to wait for.
      return result((knownVersions?.length ?? 0) > 0 ? 'done' : 'timeout');
    }
    const isDone =
      knownVersions === undefined
        ? entry.outcome !== undefined
        : !knownVersions.includes(versionOf(entry));
    return result(isDone ? 'done' : 'timeout');
  }
}

/** Asks for the task at once, or after a wait. */
function lookAt({ taskId, parts }: WaitRequest, waitMs = 0): RemoteRequest {
  const parameters = [
    ...(waitMs > 0 ? [`wait=${waitMs}ms`] : []),
    ...(parts.log ? ['with_logs=true'] : []),
  ];
  const path = taskPath(taskId) + (parts.body || parts.log ? '' : '/status');
  return {
    method: 'GET',
    path: parameters.length === 0 ? path : `${path}?${parameters.join('&')}`,
    expected: [200, 304, 404, 410],
  };
}

async function pollMany(
  { taskIds, target, timeoutMs }: ManyWaitRequest,
  ask: Ask,
): Promise<ManyWaitResult> {
  const distinct = [...new Set(taskIds)];
  if (distinct.length > MOST_IDS) {
    throw invalidParameter(
      `the wait is for ${distinct.length} tasks, and the limit is ${MOST_IDS}: make several`,
    );
  }
  const waitMs = Math.ceil(timeoutMs);
  const question = {
    task_ids: distinct,
    mode: target >= distinct.length ? 'all' : { count: Math.max(1, target) },
    wait: `${waitMs}ms`,
    include: 'status',
  };
  const request: RemoteRequest = {
    method: 'POST',
    path: '/v1/batch/wait',
    headers: { 'content-type': JSON_TYPE },
    body: [Buffer.from(JSON.stringify(question))],
    expected: [200],
  };
  const { body } = await ask(request, waitMs);
  const ready = new Map<string, TaskSnapshot>();
  for (const { taskId, entry } of batchEntries(body, 'ready')) {
    if (entry !== undefined) ready.set(taskId, new TaskSnapshot(taskId, entry));
  }
  return { isComplete: ready.size >= target, isDraining: false, ready };
}
