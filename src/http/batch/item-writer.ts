/**
 * Carries out the items of one batch. Items of different tasks run at the same time; those of one
 * task run one after the other, so that a later one sees what an earlier one did.
 */
import { ResultdError } from '../../errors.js';
import type { ResultBackend, SetManyItem, WriteReceipt } from '../../result-backend.js';
import { problemOf } from '../problem.js';
import { type BatchItem, readItem, shownId } from './batch-item.js';
import { Reached } from './reached.js';

/** Takes an item's answer as JSON. */
export type Done = (answer: string) => void;

interface Item {
  readonly index: number;
  readonly write: SetManyItem;
  readonly done: Done;
}

const NONE: Item[] = [];

export class ItemWriter {
  readonly #backend: ResultBackend;
  readonly #toError: (thrown: unknown) => ResultdError;
  /** Tasks that have a write under way, each with the writes that wait for it. */
  readonly #running = new Map<string, Item[]>();
  /** What is written together, at the end of this turn. */
  #group: Item[] = [];
  readonly #reached = new Reached();

  /** `toError` makes an error of what nobody expected, and logs it. */
  constructor(backend: ResultBackend, toError: (thrown: unknown) => ResultdError) {
    this.#backend = backend;
    this.#toError = toError;
  }

  /** Carries out one item, or refuses it. `done` is called once, never before this returns. */
  write(index: number, document: Buffer | ResultdError, done: Done): void {
    const { taskId, write } =
      document instanceof ResultdError
        ? { taskId: undefined, write: document }
        : readItem(document);
    if (write instanceof Error) {
      const error = this.#toError(write);
      queueMicrotask(() => done(refusal(index, taskId, error)));
      return;
    }
    const waiting = this.#running.get(write.taskId);
    if (waiting === undefined) {
      this.#running.set(write.taskId, NONE);
      this.#store({ index, write, done });
    } else if (waiting === NONE) {
      this.#running.set(write.taskId, [{ index, write, done }]);
    } else {
      waiting.push({ index, write, done });
    }
  }

  /** Throws `store-unavailable` where the store could be asked for none of the items. */
  checkReached(): void {
    this.#reached.check();
  }

  #store(item: Item): void {
    this.#group.push(item);
    if (this.#group.length === 1) queueMicrotask(() => void this.#storeGroup());
  }

  async #storeGroup(): Promise<void> {
    const group = this.#group;
    this.#group = [];
    let receipts: readonly (WriteReceipt | Error)[];
    try {
      receipts = await this.#backend.setMany(group.map(({ write }) => write));
    } catch (error) {
      receipts = group.map(() => error as Error);
    }
    for (const [at, item] of group.entries()) this.#end(item, receipts[at]!);
  }

  #end({ index, write: { taskId }, done }: Item, receipt: WriteReceipt | Error): void {
    const next = this.#running.get(taskId)?.shift();
    if (next === undefined) this.#running.delete(taskId);
    else this.#store(next);
    if (receipt instanceof Error) {
      const error = this.#toError(receipt);
      this.#reached.failed(error);
      done(refusal(index, taskId, error));
    } else {
      this.#reached.answered();
      done(success(index, taskId, receipt));
    }
  }
}

function success(index: number, taskId: string, { verdict, snapshot }: WriteReceipt): string {
  const code = verdict === 'created' ? 201 : 200;
  const version = snapshot === undefined ? 'null' : `"${snapshot.version}"`;
  return `{"index":${index},"task_id":"${taskId}","code":${code},"version":${version}}`;
}

function refusal(index: number, taskId: BatchItem['taskId'], error: ResultdError): string {
  return JSON.stringify({
    index,
    task_id: shownId(taskId),
    code: error.status,
    problem: problemOf(error),
  });
}
