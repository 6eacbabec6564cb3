/**
 * Gathers what arrives in one turn of the event loop, so that many callers share one call of a
 * store. While as many calls run as may run at once, whatever comes waits for the next one of them
 * to end: under load the groups grow by themselves.
 */

interface GatheringOptions<Item, Answer> {
  /**
   * Carries out a group: the answer to each item, or why it has none, in order; undefined for what
   * the next call is to be asked. Where it throws, that is the answer to all of them.
   */
  readonly carryOut: (items: readonly Item[]) => Promise<readonly (Answer | Error | undefined)[]>;
  /** About how many bytes an item moves. */
  readonly bytesOf: (item: Item) => number;
  readonly limits: GroupLimits;
}

export interface GroupLimits {
  /** Items of one group. */
  readonly maxItems: number;
  /** A group ends with the item that reaches so many bytes. */
  readonly maxBytes: number;
  /** Groups that may be under way at once. */
  readonly callsAtOnce: number;
}

interface Waiting<Item, Answer> {
  readonly begin: () => Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Gathering<Item, Answer> {
  readonly #options: GatheringOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #running = 0;
  #isScheduled = false;

  constructor(options: GatheringOptions<Item, Answer>) {
    this.#options = options;
  }

  /** `begin` is called when the item's group is made up, at the last moment before each call. */
  add(begin: () => Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ begin, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isBusy || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      while (this.#waiting.length > 0 && !this.#isBusy) void this.#runGroup();
    });
  }

  get #isBusy(): boolean {
    return this.#running >= this.#options.limits.callsAtOnce;
  }

  async #runGroup(): Promise<void> {
    this.#running += 1;
    const { group, items } = this.#takeGroup();
    try {
      const answers = items.length === 0 ? [] : await this.#options.carryOut(items);
      const unanswered = group.filter((waiting, at) => !settle(waiting, answers[at]));
      if (unanswered.length > 0) this.#waiting = [...unanswered, ...this.#waiting];
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#running -= 1;
    this.#schedule();
  }

  #takeGroup(): { group: Waiting<Item, Answer>[]; items: Item[] } {
    const { bytesOf, limits } = this.#options;
    const group: Waiting<Item, Answer>[] = [];
    const items: Item[] = [];
    let taken = 0;
    for (let bytes = 0; items.length < limits.maxItems && bytes < limits.maxBytes; taken += 1) {
      const next = this.#waiting[taken];
      if (next === undefined) break;
      try {
        const item = next.begin();
        bytes += bytesOf(item);
        items.push(item);
        group.push(next);
      } catch (error) {
        next.reject(error);
      }
    }
    this.#waiting = this.#waiting.slice(taken);
    return { group, items };
  }
}

/** False where there is no answer yet. */
function settle<Answer>(
  { resolve, reject }: Waiting<unknown, Answer>,
  answer: Answer | Error | undefined,
): boolean {
  if (answer === undefined) return false;
  if (answer instanceof Error) reject(answer);
  else resolve(answer);
  return true;
}
