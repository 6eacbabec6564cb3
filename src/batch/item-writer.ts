/**
 * Carries out the items of one batch. Items of different tasks run at the same time; those of one
 * task run one after the other, so that a later one sees what an earlier one did.
 */
import { ResultdError } from '../errors.js';
import { problemOf } from '../http/problem.js';
import type { ResultBackend, SetManyItem, WriteReceipt } from '../result-backend.js';
import { type BatchItem, readItem } from './batch-item.js';

/** Ids that are longer are no ids, and are not repeated in answers. */
const LONGEST_ID = 255;

export class ItemWriter {
  readonly #backend: ResultBackend;
  readonly #toError: (thrown: unknown) => ResultdError;
  /** The last write of each task that has one under way. */
  readonly #running = new Map<string, Promise<string>>();

  /** `toError` makes an error of what nobody expected, and logs it. */
  constructor(backend: ResultBackend, toError: (thrown: unknown) => ResultdError) {
    this.#backend = backend;
    this.#toError = toError;
  }

  /** Carries out one item, or refuses it; its answer as JSON. Never rejects. */
  write(index: number, document: Buffer | ResultdError): Promise<string> {
    const { taskId, write } =
      document instanceof ResultdError
        ? { taskId: undefined, write: document }
        : readItem(document);
    if (write instanceof ResultdError) return Promise.resolve(refusal(index, taskId, write));
    const before = this.#running.get(write.taskId);
    const answer =
      before === undefined
        ? this.#store(index, write)
        : before.then(() => this.#store(index, write));
    this.#running.set(write.taskId, answer);
    void answer.then(() => {
      if (this.#running.get(write.taskId) === answer) this.#running.delete(write.taskId);
    });
    return answer;
  }

  async #store(index: number, item: SetManyItem): Promise<string> {
    try {
      const receipt = await ('outcome' in item
        ? this.#backend.setResult(item.taskId, item.outcome, item.options)
        : this.#backend.setProgress(item.taskId, item.progress, item.options));
      return success(index, item.taskId, receipt);
    } catch (error) {
      return refusal(index, item.taskId, this.#toError(error));
    }
  }
}

function success(index: number, taskId: string, { verdict, snapshot }: WriteReceipt): string {
  const status = verdict === 'created' ? 201 : 200;
  const version = snapshot === undefined ? 'null' : `"${snapshot.version}"`;
  return `{"index":${index},"task_id":"${taskId}","status":${status},"version":${version}}`;
}

function refusal(index: number, taskId: BatchItem['taskId'], error: ResultdError): string {
  const shownId = taskId === undefined || taskId.length > LONGEST_ID ? null : taskId;
  return JSON.stringify({
    index,
    task_id: shownId,
    status: error.status,
    problem: problemOf(error),
  });
}
