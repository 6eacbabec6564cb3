/**
 * How a task is waited for: what the wait hub does over a store, and a remote resultd by itself.
 * A wait may end with `timeout` before its time: the hub's are at most as long as its maximum. Who
 * wants to wait longer, or through a store's failure, starts another.
 */
import type { ManyWait, ManyWaitRequest } from './many-waits.js';
import type { Wait, WaitRequest } from './waiter.js';

export interface TaskWaits {
  wait(request: WaitRequest): Wait;
  /** Waits for many tasks, as one waiter. */
  waitMany(request: ManyWaitRequest): ManyWait;
}
