/** Writers who create tasks one after another, and note what came of it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ResultdError } from '../../src/errors.js';
import type { ResultBackend } from '../../src/result-backend.js';

const WRITERS = 8;

export class Load {
  readonly acknowledged: string[] = [];
  /** The codes of what failed; an acknowledged task that is not read is one, too. */
  readonly codes = new Set<string>();
  readonly #backend: ResultBackend;
  readonly #writers: Promise<unknown>;
  #isOver = false;

  constructor(backend: ResultBackend) {
    this.#backend = backend;
    this.#writers = Promise.all(Array.from({ length: WRITERS }, () => this.#write()));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#writers;
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      const taskId = randomUUID();
      try {
        const outcome = { returnValue: taskId };
        await this.#backend.setResult(taskId, outcome, { mode: 'create' });
        this.acknowledged.push(taskId);
        const found = await this.#backend.getResult(taskId);
        if (found?.ready !== true) this.codes.add('an acknowledged absence');
      } catch (error) {
        this.codes.add((error as ResultdError).code ?? String(error));
        await pause(5);
      }
    }
  }
}
