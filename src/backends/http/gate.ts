/**
 * Lets so many calls through at a time; the others queue. The time of a call begins when it is let
 * through, so that the last of thousands has as much of it as the first. Where the service answers
 * nobody any more, those who queue are sent away together, not one after the other.
 */

interface Queued {
  readonly since: number;
  readonly enter: () => void;
  readonly refuse: () => void;
}

export class Gate {
  readonly #patienceMs: number;
  #free: number;
  #queue: Queued[] = [];
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** `patienceMs`: how long one queues at most while nobody is answered. */
  constructor(places: number, patienceMs: number) {
    this.#free = places;
    this.#patienceMs = patienceMs;
  }

  /** Resolves true once there is a place, which `leave` gives back; false where it is no use. */
  enter(): Promise<boolean> | true {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return new Promise((resolve) => {
      this.#queue.push({
        since: performance.now(),
        enter: () => resolve(true),
        refuse: () => resolve(false),
      });
    });
  }

  /** `isAnswered`: whether the service has answered. */
  leave(isAnswered: boolean): void {
    const now = performance.now();
    if (isAnswered) this.#answeredAt = now;
    else if (now - this.#answeredAt >= this.#patienceMs) this.#refuse(now - this.#patienceMs);
    const next = this.#queue.shift();
    if (next === undefined) this.#free += 1;
    else next.enter();
  }

  #refuse(before: number): void {
    const isLate = ({ since }: Queued): boolean => since <= before;
    for (const queued of this.#queue.filter(isLate)) queued.refuse();
    this.#queue = this.#queue.filter((queued) => !isLate(queued));
  }
}
