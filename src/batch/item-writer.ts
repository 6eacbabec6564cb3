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

/** Takes an item's answer as JSON. */
export type Done = (answer: string) => void;

type Write = () => void;
const NONE: Write[] = [];

export class ItemWriter {
  readonly #backend: ResultBackend;
  readonly #toError: (thrown: unknown) => ResultdError;
  /** Tasks that have a write under way, each with the writes that wait for it. */
  readonly #running = new Map<string, Write[]>();

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
    if (write instanceof ResultdError) {
      queueMicrotask(() => done(refusal(index, taskId, write)));
      return;
    }
    const waiting = this.#running.get(write.taskId);
    if (waiting === undefined) {
      this.#running.set(write.taskId, NONE);
      this.#store(index, write, done);
    } else if (waiting === NONE) {
      this.#running.set(write.taskId, [() => this.#store(index, write, done)]);
    } else {
      waiting.push(() => this.#store(index, write, done));
    }
  }

  #store(index: number, item: SetManyItem, done: Done): void {
    const written =
      'outcome' in item
        ? this.#backend.setResult(item.taskId, item.outcome, item.options)
        : this.#backend.setProgress(item.taskId, item.progress, item.options);
    written.then(
      (receipt) => this.#end(item.taskId, success(index, item.taskId, receipt), done),
      (error: unknown) =>
        this.#end(item.taskId, refusal(index, item.taskId, this.#toError(error)), done),
    );
  }

  #end(taskId: string, answer: string, done: Done): void {
    const next = this.#running.get(taskId)?.shift();
    if (next === undefined) this.#running.delete(taskId);
    else next();
    done(answer);
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
