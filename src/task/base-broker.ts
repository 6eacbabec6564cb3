/**
 * What every broker is, whichever backends it can load: the owner of one result backend, of the
 * waits on it, and of the way to the queue.
 *
 * It names no concrete backend. `broker.ts` adds all of them, `client.ts` the remote one alone.
 */

import type { ResultBackend } from '../result-backend.js';
import type { TaskBroker } from './broker.js';
import { Kicker } from './kicker.js';
import { LongWaits } from './long-waits.js';
import { InProcessQueue, type TaskQueue } from './task-queue.js';

export class BaseBroker implements TaskBroker {
  readonly resultBackend: ResultBackend;
  /** Where `kiq` sends tasks, and where a worker that was started takes them from. */
  readonly queue: TaskQueue;
  /** What Task and `gather` wait with. */
  readonly waits: LongWaits;

  /** `queue` is a queue within this process where it is left out. */
  constructor(resultBackend: ResultBackend, queue: TaskQueue = new InProcessQueue()) {
    this.resultBackend = resultBackend;
    this.queue = queue;
    this.waits = new LongWaits(resultBackend);
  }

  /**
   * Sends tasks of this name: `await broker.task('add').kiq(1, 2)`. The worker that has a function of
   * this name may be in another process, if the queue goes there.
   */
  task<Args extends readonly unknown[] = unknown[], Value = unknown>(
    taskName: string,
  ): Kicker<Args, Value> {
    return new Kicker<Args, Value>(this, taskName);
  }

  /** Opens the store. Task and Worker do it by themselves. Safe to repeat. */
  async startup(): Promise<void> {
    await this.resultBackend.startup();
  }

  /** Ends every wait with an error, and closes the store. Stop workers first. Safe to repeat. */
  async shutdown(): Promise<void> {
    await this.waits.close();
    await this.resultBackend.shutdown();
  }
}
