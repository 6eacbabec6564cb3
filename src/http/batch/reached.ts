/**
 * Whether a batch could ask the store for any of its items. Where it could for none, the batch fails
 * as a whole: its client tries again later, as with a single request.
 */
import type { ResultdError } from '../../errors.js';

export class Reached {
  #unavailable: ResultdError | undefined;
  #isReached = false;

  /** The store has answered for an item. */
  answered(): void {
    this.#isReached = true;
  }

  /** An item has failed: the store may have said so, may not have been reached, or was not asked. */
  failed(error: ResultdError): void {
    if (error.code === 'store-unavailable') this.#unavailable ??= error;
    else if (error.code === 'outcome-conflict' || error.code === 'version-mismatch')
      this.answered();
  }

  /** Throws `store-unavailable` where the store should have been asked, and never could. */
  check(): void {
    if (!this.#isReached && this.#unavailable !== undefined) throw this.#unavailable;
  }
}
