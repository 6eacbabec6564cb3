/**
 * What every broker is, whichever backends it can load: the owner of one result backend, of the
 * waits on it, and of the way to the queue.
 *
 * It names no concrete backend. `broker.ts` adds all of them, `client.ts` the remote one alone.
 */

import { invalidParameter, shown } from '../errors.js';
import type { ResultBackend } from '../result-backend.js';
import type { TaskBroker } from './broker.js';
import { Kicker } from './kicker.js';
import { LongWaits } from './long-waits.js';
import { InProcessQueue, type TaskQueue } from './task-queue.js';

/**
 * The owner of one result backend. Hand it to Task, Worker and `gather`; start it where you want to know
 * early whether the store is there, and shut it down when the process ends.
 */
export class BaseBroker implements TaskBroker {
  readonly resultBackend: ResultBackend;
  /** Where `kiq` sends tasks, and where a worker that was started takes them from. */
  readonly queue: TaskQueue;
  /** What Task and `gather` wait with. */
  readonly waits: LongWaits;
  /** Where the queue leads out of this process, nobody here knows who takes what. */
  readonly #hasOwnQueue: boolean;
  readonly #taken = new Set<string>();

  /** `queue` is a queue within this process where it is left out. */
  constructor(resultBackend: ResultBackend, queue?: TaskQueue) {
    this.resultBackend = resultBackend;
    this.queue = queue ?? new InProcessQueue();
    this.#hasOwnQueue = queue !== undefined;
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

  addTaker(taskName: string): void {
    this.#taken.add(taskName);
  }

  requireTaker(taskName: string): void {
    if (this.#hasOwnQueue || this.#taken.has(taskName)) return;
    throw invalidParameter(
      `nobody would take the task ${shown(taskName)}: this broker's queue is within this process, and ` +
        'no worker in it has registered that name. Register it first, or give the broker the queue ' +
        'that leads to your workers',
    );
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
