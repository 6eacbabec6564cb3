/** What a wait for one task asks, and when it ends: by the rules of the wait hub. */

import { type TaskEntry, versionOf } from '../../record/entry.js';
import { snapshotOf } from '../../result-backend/replies.js';
import type { WaitRequest, WaitResult } from '../../result-backend/task-waits.js';
import { absentOr, tagsOf, taskPath } from './command-request.js';
import type { RemoteAnswer, RemoteRequest } from './connections.js';
import type { Question } from './poll-chain.js';
import { problemIn } from './remote-errors.js';
import { entryFromView } from './task-view.js';

export class TaskQuestion implements Question<WaitResult> {
  readonly #request: WaitRequest;
  /** The service's URL, for errors. */
  readonly #where: string;
  /** The versions that are known, as ETags; undefined where the wait is for the outcome. */
  readonly #tags: string | undefined;
  #wasKnown = false;

  constructor(request: WaitRequest, where: string) {
    this.#request = request;
    this.#where = where;
    this.#tags = request.knownVersions === undefined ? undefined : tagsOf(request.knownVersions);
  }

  /** A task that went between two polls wakes none. With versions, the poll itself sees it. */
  get looksFirst(): boolean {
    return this.#wasKnown && this.#request.knownVersions === undefined;
  }

  request(waitMs: number): RemoteRequest {
    const { taskId, parts, knownVersions } = this.#request;
    // None that a task could be at: there is nothing to wait for.
    const isSettled = this.#tags === undefined && (knownVersions?.length ?? 0) > 0;
    const isPoll = waitMs > 0 && !isSettled;
    const parameters = [
      ...(isPoll ? [`wait=${waitMs}ms`] : []),
      ...(parts.log ? ['with_logs=true'] : []),
    ];
    const path = taskPath(taskId) + (parts.body || parts.log ? '' : '/status');
    return {
      method: 'GET',
      path: parameters.length === 0 ? path : `${path}?${parameters.join('&')}`,
      headers: isPoll && this.#tags !== undefined ? { 'if-none-match': this.#tags } : {},
      expected: [200, 304, 404],
    };
  }

  endOf(answer: RemoteAnswer): WaitResult | undefined {
    if (answer.status === 304) {
      this.#wasKnown = true;
      return undefined;
    }
    const { knownVersions } = this.#request;
    const entry = this.#entryOf(answer);
    if (entry === undefined) {
      const isRemoved = this.#wasKnown || problemIn(answer)?.code === 'task-removed';
      if (isRemoved) return this.#result('removed', entry);
      // Who names a version has known the task: there is nothing to wait for.
      return (knownVersions?.length ?? 0) === 0 ? undefined : this.#result('done', entry);
    }
    this.#wasKnown = true;
    const isDone =
      knownVersions === undefined
        ? entry.outcome !== undefined
        : !knownVersions.includes(versionOf(entry));
    return isDone ? this.#result('done', entry) : undefined;
  }

  timeoutOf(answer: RemoteAnswer): WaitResult | undefined {
    return answer.status === 304 ? undefined : this.#result('timeout', this.#entryOf(answer));
  }

  #entryOf(answer: RemoteAnswer): TaskEntry | undefined {
    if (answer.status === 404) return absentOr(answer, this.#where).entry;
    return entryFromView(answer.body);
  }

  #result(reason: WaitResult['reason'], entry: TaskEntry | undefined): WaitResult {
    const { taskId, parts } = this.#request;
    return { reason, snapshot: snapshotOf(taskId, entry, parts) };
  }
}
