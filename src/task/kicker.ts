/**
 * Sends tasks of one name to the queue, and gives handles on them: taskiq's kicker. It is a value:
 * `with…` gives another one.
 */
import { randomUUID } from 'node:crypto';
import { jsonOf } from '../json/values.js';
import { checkTaskId } from '../record/names.js';
import { Task } from '../task.js';
import { Deadline, isPassing } from '../timing.js';
import type { TaskBroker } from './broker.js';
import type { TaskMessage } from './task-message.js';

interface KickerOptions {
  readonly taskId?: string;
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, unknown>>;
}

/** How long `kiq` waits at the most until the task is known to be pending, in milliseconds. */
const REGISTERS_WITHIN_MS = 1_000;

export class Kicker<Args extends readonly unknown[] = unknown[], Value = unknown> {
  readonly taskName: string;
  readonly #broker: TaskBroker;
  readonly #options: KickerOptions;

  constructor(broker: TaskBroker, taskName: string, options: KickerOptions = {}) {
    this.taskName = taskName;
    this.#broker = broker;
    this.#options = options;
  }

  /** The same with these labels, beside those that it has. Any JSON. */
  withLabels(labels: Readonly<Record<string, unknown>>): Kicker<Args, Value> {
    return this.#with({ labels: { ...this.#options.labels, ...labels } });
  }

  /** The same with arguments by name: a worker in Python takes them so. */
  withKwargs(kwargs: Readonly<Record<string, unknown>>): Kicker<Args, Value> {
    return this.#with({ kwargs: { ...this.#options.kwargs, ...kwargs } });
  }

  /** The same with this id instead of a random one. An outcome that the task has is replaced. */
  withTaskId(taskId: string): Kicker<Args, Value> {
    checkTaskId(taskId);
    return this.#with({ taskId });
  }

  /**
   * Puts the task on the queue. It is registered as `PENDING` on the way, where the store can be
   * asked; where it cannot, the task is sent all the same. Throws `invalid-body` where an argument or
   * a label cannot be written as JSON, `invalid-parameter` where the broker has no queue but the one
   * within this process and no worker here takes the task, and what the queue throws.
   */
  async kiq(...args: Args): Promise<Task<Value>> {
    const { taskId = randomUUID(), kwargs = {}, labels = {} } = this.#options;
    const message: TaskMessage = {
      task_id: taskId,
      task_name: this.taskName,
      args,
      kwargs,
      labels,
    };
    this.#broker.requireTaker(this.taskName);
    const encoded = JSON.parse(jsonOf(message, 'the message')) as TaskMessage;
    await this.#register(taskId);
    await this.#broker.queue.send(encoded);
    return new Task<Value>(this.#broker, taskId);
  }

  async #register(taskId: string): Promise<void> {
    const { resultBackend } = this.#broker;
    const registered = this.#broker
      .startup()
      .then(() => resultBackend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register' }))
      .catch((error: unknown) => {
        if (!isPassing(error)) throw error;
      });
    const deadline = new Deadline(REGISTERS_WITHIN_MS, () => new Error('it is not registered yet'));
    await Promise.race([registered, deadline.passed()]).finally(() => deadline.clear());
    registered.catch(() => {});
  }

  #with(options: KickerOptions): Kicker<Args, Value> {
    return new Kicker(this.#broker, this.taskName, { ...this.#options, ...options });
  }
}
