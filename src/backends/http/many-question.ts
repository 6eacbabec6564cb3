/** What a wait for many tasks asks, and when it ends. */

import { invalidParameter } from '../../errors.js';
import { JSON_TYPE } from '../../record/outcome.js';
import { TaskSnapshot } from '../../record/snapshot.js';
import type { ManyWaitRequest, ManyWaitResult } from '../../result-backend/task-waits.js';
import type { RemoteAnswer, RemoteRequest } from './connections.js';
import type { Question } from './poll-chain.js';
import { batchEntries } from './task-view.js';

/** The service's limit. */
const MAX_BATCH = 10_000;

export class ManyQuestion implements Question<ManyWaitResult> {
  readonly looksFirst = false;
  readonly #taskIds: readonly string[];
  readonly #target: number;

  /** Throws `invalid-parameter` where there are more than the service takes. */
  constructor({ taskIds, target }: ManyWaitRequest) {
    this.#taskIds = [...new Set(taskIds)];
    this.#target = target;
    if (this.#taskIds.length <= MAX_BATCH) return;
    throw invalidParameter(
      `the wait is for ${this.#taskIds.length} tasks, and the limit is ${MAX_BATCH}: make several`,
    );
  }

  request(waitMs: number): RemoteRequest {
    const target = Math.max(1, this.#target);
    const question = {
      task_ids: this.#taskIds,
      mode: target >= this.#taskIds.length ? 'all' : { count: target },
      wait: `${waitMs}ms`,
      include: 'status',
    };
    return {
      method: 'POST',
      path: '/v1/batch/wait',
      headers: { 'content-type': JSON_TYPE },
      body: [Buffer.from(JSON.stringify(question))],
      expected: [200],
    };
  }

  endOf(answer: RemoteAnswer): ManyWaitResult | undefined {
    const result = this.timeoutOf(answer);
    return result.isComplete ? result : undefined;
  }

  timeoutOf({ body }: RemoteAnswer): ManyWaitResult {
    const ready = new Map<string, TaskSnapshot>();
    for (const { taskId, entry } of batchEntries(body, 'ready')) {
      if (entry !== undefined) ready.set(taskId, new TaskSnapshot(taskId, entry));
    }
    return { isComplete: ready.size >= this.#target, isDraining: false, ready };
  }
}
