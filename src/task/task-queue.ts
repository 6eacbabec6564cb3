/**
 * The queue between who wants tasks done and the workers. resultd has none of its own: the real one
 * is the user's. This is what a broker needs of it, and a small one within a process.
 */
import type { TaskMessage } from './task-message.js';

/**
 * Gets one message. The queue may forget the message once `ack` was called; one whose promise has
 * settled without that is to be delivered again, later.
 */
export type Deliver = (message: TaskMessage, ack: () => void | Promise<void>) => Promise<void>;

export interface ReceiveOptions {
  /** How many messages may be delivered and not settled at once. */
  readonly prefetch: number;
}

export interface TaskQueue {
  /** Puts a message on the queue, and resolves once the queue has it. */
  send(message: TaskMessage): Promise<void>;
  /**
   * Delivers messages until the function that it gives back is called. A queue whose messages are
   * handed to `Worker.execute` by other means has no need of it.
   */
  receive?(deliver: Deliver, options: ReceiveOptions): Promise<() => void | Promise<void>>;
}

interface Receiver {
  readonly deliver: Deliver;
  readonly prefetch: number;
  /** What it settled without an acknowledgement: for whoever receives next. */
  readonly failed: string[];
  running: number;
  isReceiving: boolean;
}

/**
 * A queue in this process, as that of taskiq's in-memory broker: first in, first out, gone with the
 * process. A message that a worker could not finish is kept for whoever receives next.
 */
export class InProcessQueue implements TaskQueue {
  /** As JSON: what a function does to its arguments changes nothing outside. */
  readonly #waiting: string[] = [];
  readonly #receivers = new Set<Receiver>();

  async send(message: TaskMessage): Promise<void> {
    this.#waiting.push(JSON.stringify(message));
    this.#dispatch();
  }

  async receive(deliver: Deliver, { prefetch }: ReceiveOptions): Promise<() => void> {
    const receiver: Receiver = {
      deliver,
      prefetch,
      failed: [],
      running: 0,
      isReceiving: true,
    };
    this.#receivers.add(receiver);
    this.#dispatch();
    return () => {
      receiver.isReceiving = false;
      this.#receivers.delete(receiver);
      this.#takeBack(receiver);
    };
  }

  #dispatch(): void {
    for (const receiver of this.#receivers) {
      while (receiver.running < receiver.prefetch && this.#waiting.length > 0) {
        void this.#deliver(receiver, this.#waiting.shift()!);
      }
    }
  }

  async #deliver(receiver: Receiver, message: string): Promise<void> {
    let isAcknowledged = false;
    receiver.running += 1;
    await receiver
      .deliver(JSON.parse(message) as TaskMessage, () => {
        isAcknowledged = true;
      })
      .catch(() => {});
    receiver.running -= 1;
    if (!isAcknowledged) receiver.failed.push(message);
    if (!receiver.isReceiving) this.#takeBack(receiver);
    this.#dispatch();
  }

  #takeBack({ failed }: Receiver): void {
    this.#waiting.unshift(...failed.splice(0));
    this.#dispatch();
  }
}
