/**
 * Whether the calls on one task can have happened one after another, each at some moment between
 * its beginning and its answer (after Wing and Gong, with the memory of Lowe). Calls without an
 * answer may have happened at any moment after their beginning, or not at all.
 */
import type { Asked, Call } from './history.js';
import { after, type State, UNKNOWN } from './model.js';

/** States looked at before the search gives up. */
const MOST_STATES = 30_000;

export interface Finding {
  /** `undecided`: there are too many orders to try. */
  readonly result: 'yes' | 'no' | 'undecided';
  /** The most calls that fit one after another. */
  readonly longest: readonly Call[];
}

export function linearize(calls: readonly Call[]): Finding {
  // Calls with an answer first: what is unknown is made use of only where nothing else explains.
  const sorted = [...calls].sort((a, b) => a.answeredAt - b.answeredAt || a.begunAt - b.begunAt);
  return new Search(sorted).run();
}

class Search {
  readonly #calls: readonly Call[];
  readonly #isDone: boolean[];
  readonly #visited = new Set<string>();
  readonly #path: Call[] = [];
  #longest: readonly Call[] = [];

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
    this.#isDone = calls.map(() => false);
  }

  run(): Finding {
    const fits = this.#explore(UNKNOWN);
    const isOver = this.#visited.size >= MOST_STATES;
    return { result: fits ? 'yes' : isOver ? 'undecided' : 'no', longest: this.#longest };
  }

  #explore(state: State): boolean {
    const left = this.#calls.filter((_, n) => !this.#isDone[n]);
    if (left.every((call) => call.answer === undefined)) return true;
    if (this.#visited.size >= MOST_STATES) return false;
    const text = JSON.stringify(state);
    const key = this.#isDone.map((isDone) => (isDone ? 1 : 0)).join('') + text;
    if (this.#visited.has(key)) return false;
    this.#visited.add(key);
    // Nothing can come after a call that was answered before it began.
    const firstAnswer = Math.min(...left.map((call) => call.answeredAt));
    const choices = this.#choices(left, { state, text, firstAnswer });
    return choices.some(({ call, next }) => this.#take(call, next));
  }

  #take(call: Call, next: State): boolean {
    const n = this.#calls.indexOf(call);
    this.#isDone[n] = true;
    this.#path.push(call);
    if (this.#path.length > this.#longest.length) this.#longest = [...this.#path];
    const fits = this.#explore(next);
    this.#path.pop();
    this.#isDone[n] = false;
    return fits;
  }

  #choices(
    left: readonly Call[],
    { state, text, firstAnswer }: { state: State; text: string; firstAnswer: number },
  ): Choice[] {
    const choices: Choice[] = [];
    const repeated = new Set<Asked>();
    for (const call of left) {
      if (call.begunAt > firstAnswer) continue;
      const isUnanswered = call.answer === undefined;
      // Of repeats of one call, none of them answered, one is as good as another.
      if (isUnanswered && repeated.has(call.asked)) continue;
      if (isUnanswered) repeated.add(call.asked);
      for (const next of after(state, call)) {
        const isIdle = JSON.stringify(next) === text;
        // What fits here and never changes a task can as well come first. (A delete that finds
        // nothing still forgets what was consumed.)
        const isPure = !isUnanswered && call.asked.kind !== 'delete';
        if (isIdle && isPure) return [{ call, next }];
        // A call that nobody had an answer to, and which changed nothing, explains nothing.
        if (!isIdle || !isUnanswered) choices.push({ call, next });
      }
    }
    return choices;
  }
}

interface Choice {
  readonly call: Call;
  readonly next: State;
}
