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
  /** Opens the store. Task and Worker do it by themselves. Safe to repeat. */
  startup(): Promise<void>;
}
