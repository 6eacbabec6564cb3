/**
 * `resultd/client`: tasks and workers of a resultd elsewhere. Neither Fastify nor any store's client
 * is in reach of it, by lazy imports neither, so that a bundle of it holds what it needs.
 */

import { invalidParameter, shown, withoutCredentials } from './errors.js';
import type { ResultBackendOptions } from './result-backend/types.js';
import { BaseBroker } from './task/base-broker.js';
import type { TaskQueue } from './task/task-queue.js';

export { type ErrorCode, ResultdError } from './errors.js';
export { NEVER } from './record/entry.js';
export { type OutcomeValue, opaqueOutcome, outcomeFromJson } from './record/outcome.js';
export type { TaskSnapshot } from './record/snapshot.js';
export type * from './result-backend/types.js';
export type { ResultBackend } from './result-backend.js';
export type { BaseBroker } from './task/base-broker.js';
export { type Gathered, type GatherOptions, gather } from './task/gather.js';
export { Kicker } from './task/kicker.js';
export type { WaitLimits } from './task/long-waits.js';
export { TaskFailedError, TaskTimeoutError } from './task/task-errors.js';
export type { TaskException } from './task/task-exception.js';
export type { TaskMessage } from './task/task-message.js';
export {
  type Deliver,
  InProcessQueue,
  type ReceiveOptions,
  type TaskQueue,
} from './task/task-queue.js';
export type { TaskResult } from './task/task-result.js';
export type { TaskProgress, TaskStatus } from './task/task-status.js';
export { type TakeOptions, Task, type WaitResultOptions } from './task.js';
export type { ExecutionReport } from './worker/execution.js';
export { type TaskContext, taskContext } from './worker/task-context.js';
export { WorkerError, type WorkerStage } from './worker/worker-error.js';
export { type ExecuteOptions, type StopOptions, Worker, type WorkerOptions } from './worker.js';

/** Settings of a broker for a resultd elsewhere, which has times to live of its own. */
export interface ClientOptions
  extends Pick<ResultBackendOptions, 'maxRecordBytes' | 'maxProgressBytes'> {
  /** A bearer token; it wins over one in the URL. Default: none. */
  readonly token?: string;
  /** How long a call may take, its retries included, in milliseconds. Default: 10,000. */
  readonly storeTimeoutMs?: number;
  /** Where `broker.task(…)` sends tasks. Default: a queue within this process. */
  readonly queue?: TaskQueue;
}

/** The broker of a client: it knows one backend, the resultd that a URL leads to. One for each process is enough. */
export class Broker extends BaseBroker {
  /**
   * A broker on the resultd at this URL, `http:` or `https:`, not started yet. Throws
   * `invalid-parameter` for any other.
   */
  static async fromUrl(url: string, options: ClientOptions = {}): Promise<Broker> {
    if (!/^https?:/.test(url)) {
      throw invalidParameter(
        `the backend ${shown(withoutCredentials(url))} is not known here: resultd/client knows ` +
          'http: and https: alone. For a store, import Broker from resultd itself',
      );
    }
    const { HttpBackend } = await import('./backends/http/http-backend.js');
    return new Broker(HttpBackend.fromUrl(url, options), options.queue);
  }
}
