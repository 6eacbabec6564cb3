/**
 * Numbers that look random and can be had again: every run prints its seed, and
 * `RESULTD_TEST_SEED` replays one. (The generator is mulberry32.)
 */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed;
  }

  /** At least 0 and below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number of 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The seed that the environment asks for, else one of the clock. */
export function testSeed(): number {
  const asked = process.env.RESULTD_TEST_SEED;
  return asked === undefined ? Date.now() % 2 ** 31 : Number(asked);
}
