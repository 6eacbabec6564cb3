/**
 * The store's clock, as far as this process knows it: bounds on how far it is ahead of a local
 * clock that only ever runs forward. A step of this machine's wall clock does not move it.
 *
 * Each answer that carries the store's time narrows the bounds: the store read its clock after the
 * question was sent and before the answer came. Where two answers contradict each other, one of the
 * clocks was set anew, and the later answer holds.
 */
export class StoreClock {
  readonly #local: () => number;
  #atLeast = Number.NEGATIVE_INFINITY;
  #atMost = Number.POSITIVE_INFINITY;

  /** `local` is in milliseconds, from any origin, and never goes back. */
  constructor(local: () => number = () => performance.now()) {
    this.#local = local;
  }

  /** The local time, to hand to `observe` once the answer is here. */
  local(): number {
    return this.#local();
  }

  /** Takes in the store's time in epoch milliseconds, known to within `precisionMs` upward. */
  observe(sentAt: number, storeMs: number, precisionMs: number): void {
    const low = storeMs - this.#local();
    const high = storeMs + precisionMs - sentAt;
    this.#atLeast = Math.max(this.#atLeast, low);
    this.#atMost = Math.min(this.#atMost, high);
    if (this.#atLeast > this.#atMost) {
      this.#atLeast = low;
      this.#atMost = high;
    }
  }

  /** The store's time in whole epoch milliseconds. Something must have been observed. */
  now(): number {
    return Math.floor(this.#local() + (this.#atLeast + this.#atMost) / 2);
  }
}
