/**
 * Tells of the progress of one task. One write runs at a time, and only the latest is kept waiting:
 * a function that reports often costs the store no more than it can take. What gets lost is made up
 * for by the next report, or by the outcome.
 */

import { ResultdError } from '../errors.js';
import { jsonOf } from '../json/values.js';
import { progressFromJson } from '../record/progress.js';
import type { ResultBackend } from '../result-backend.js';

export class ProgressReporter {
  readonly #backend: ResultBackend;
  readonly #taskId: string;
  readonly #onLost: (error: unknown) => void;
  /** As JSON. */
  #meta = 'null';
  #next: Buffer | undefined;
  #writing: Promise<void> | undefined;

  constructor(backend: ResultBackend, taskId: string, onLost: (error: unknown) => void) {
    this.#backend = backend;
    this.#taskId = taskId;
    this.#onLost = onLost;
  }

  /**
   * `meta` is what it was before where it is undefined. Throws `invalid-body` where it cannot be
   * written; what cannot be stored is told to `onLost`.
   */
  async report(state: string, meta?: unknown): Promise<void> {
    const json = meta === undefined ? this.#meta : jsonOf(meta, 'the meta');
    this.#next = progressFromJson(Buffer.from(`{"state":${JSON.stringify(state)},"meta":${json}}`));
    this.#meta = json;
    this.#writing ??= this.#write();
    await this.#writing;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== undefined) {
      const progress = this.#next;
      const meta = this.#meta;
      this.#next = undefined;
      await this.#backend
        .startup()
        .then(() => this.#backend.setProgress(this.#taskId, progress))
        .catch((error: unknown) => this.#lose(error, meta));
    }
    this.#writing = undefined;
  }

  #lose(error: unknown, meta: string): void {
    // Or every state that follows would be too large with it.
    const isTooLarge = error instanceof ResultdError && error.code === 'too-large';
    if (isTooLarge && this.#meta === meta) this.#meta = 'null';
    this.#onLost(error);
  }
}
