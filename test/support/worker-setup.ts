/** A worker on a store, and messages for it. */
import type { Test } from 'tap';
import type { Broker } from '../../src/broker.js';
import type { TaskMessage } from '../../src/task/task-message.js';
import type { WorkerError } from '../../src/worker/worker-error.js';
import { Worker, type WorkerOptions } from '../../src/worker.js';
import type { Store } from './stores.js';

export interface Setup {
  readonly broker: Broker;
  readonly worker: Worker;
  /** What was told to `onError`. */
  readonly errors: WorkerError[];
}

export async function setUp(t: Test, store: Store, options: WorkerOptions = {}): Promise<Setup> {
  const broker = await store.open(t);
  const errors: WorkerError[] = [];
  const worker = new Worker(broker, { onError: (error) => errors.push(error), ...options });
  t.teardown(() => worker.stop());
  return { broker, worker, errors };
}

export const message = (taskName: string, more: Partial<TaskMessage> = {}): TaskMessage => ({
  task_id: taskName,
  task_name: taskName,
  args: [],
  kwargs: {},
  labels: {},
  ...more,
});

/** A promise, and what settles it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
