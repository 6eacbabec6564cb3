/**
 * Waits that a remote resultd holds. Each is a chain of long polls (`poll-chain.ts`): the service
 * may restart meanwhile, or not be there when the wait begins.
 */

import * as errors from '../../errors.js';
import { checkTaskId } from '../../record/names.js';
import type {
  ManyWait,
  ManyWaitRequest,
  TaskWaits,
  Wait,
  WaitRequest,
} from '../../result-backend/task-waits.js';
import { ManyQuestion } from './many-question.js';
import { PollChain, type Question } from './poll-chain.js';
import { TaskQuestion } from './task-question.js';
import type { Transport } from './transport.js';

interface Chained<T> {
  readonly result: Promise<T>;
  cancel(): void;
}

export class RemoteWaits implements TaskWaits {
  readonly #transport: Transport;
  /** What ends each wait that runs, with an error; undefined while the backend is not open. */
  #endings: Set<(error: unknown) => void> | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  open(): void {
    this.#endings = new Set();
  }

  /** Ends every wait: it rejects with `store-unavailable`. */
  close(): void {
    const endings = this.#endings;
    this.#endings = undefined;
    for (const end of endings ?? []) end(errors.notRunning('shut down'));
  }

  /**
   * Waits for a task as long as it is asked to, less a part of up to 1/16 of the last poll. A
   * service that cannot be asked is asked again until then, at the start too: the result rejects
   * with `store-unavailable` where it cannot be asked at the end. It rejects at once with what
   * another try would not change, such as `unauthenticated`.
   */
  wait(request: WaitRequest): Wait {
    return this.#chain(request.timeoutMs, () => {
      checkTaskId(request.taskId);
      return new TaskQuestion(request, this.#transport.settings.shown);
    });
  }

  /** The same for many tasks. More than 10,000 are an `invalid-parameter`. */
  waitMany(request: ManyWaitRequest): ManyWait {
    return this.#chain(request.timeoutMs, () => new ManyQuestion(request));
  }

  #chain<T>(timeoutMs: number, ask: () => Question<T>): Chained<T> {
    const endings = this.#endings;
    const chain = new PollChain(this.#transport, timeoutMs);
    let fail: (error: unknown) => void = () => {};
    const leave = (): boolean => endings?.delete(fail) === true;
    const result = new Promise<T>((resolve, reject) => {
      fail = (error) => {
        if (leave()) reject(error);
        chain.abort();
      };
      if (endings === undefined) {
        reject(errors.notRunning('not running'));
        return;
      }
      // What is wrong with a request rejects, too.
      const question = ask();
      endings.add(fail);
      chain.run(question).then((value) => {
        if (leave()) resolve(value);
      }, fail);
    });
    return {
      result,
      cancel() {
        leave();
        chain.abort();
      },
    };
  }
}
