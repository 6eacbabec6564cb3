/**
 * The store's clock, as far as this process knows it: bounds on how far it is ahead of a local
 * clock that only ever runs forward. A step of this machine's wall clock does not move it.
 *
 * Each answer that carries the store's time narrows the bounds: the store read its clock after the
 * question was sent and before the answer came. Where two answers contradict each other the clocks
 * have drifted apart, or one was set anew: the bounds move as far as the later answer asks, and no
 * further, since one that was slow to come knows less than was known before.
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
    const width = Math.min(this.#atMost - this.#atLeast, high - low);
    if (low > this.#atMost) {
      this.#atLeast = low;
      this.#atMost = low + width;
    } else if (high < this.#atLeast) {
      this.#atLeast = high - width;
      this.#atMost = high;
    } else {
      this.#atLeast = Math.max(this.#atLeast, low);
      this.#atMost = Math.min(this.#atMost, high);
    }
  }

  /** How far `now` may be off, unless a clock was set anew. Infinite where nothing was observed. */
  get errorMs(): number {
    return (this.#atMost - this.#atLeast) / 2;
  }

  /** The store's time in whole epoch milliseconds. Something must have been observed. */
  now(): number {
    return Math.floor(this.#local() + (this.#atLeast + this.#atMost) / 2);
  }
}
