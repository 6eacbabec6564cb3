/** What Task, Worker and the kicker need of a broker, whichever backends it can load. */
import type { ResultBackend } from '../result-backend.js';
import type { LongWaits } from './long-waits.js';
import type { TaskQueue } from './task-queue.js';

export interface TaskBroker {
  readonly resultBackend: ResultBackend;
  /** Where `kiq` sends tasks, and where a worker that was started takes them from. */
  readonly queue: TaskQueue;
  /** What Task and `gather` wait with. */
  readonly waits: LongWaits;
  /** Called by a worker of this process for each name of tasks that it takes. */
  addTaker(taskName: string): void;
  /**
   * Throws `invalid-parameter` where tasks of this name would be sent to nobody: the queue is within
   * this process, and no worker in it takes them.
   */
  requireTaker(taskName: string): void;
  /** Opens the store. Task and Worker do it by themselves. Safe to repeat. */
  startup(): Promise<void>;
}
