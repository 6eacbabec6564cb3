/**
 * Whether the calls on one task can have happened one after another, each at some moment between
 * its beginning and its answer (after Wing and Gong, with the memory of Lowe). Calls without an
 * answer may have happened at any moment after their beginning, or not at all.
 */
import type { Asked, Call } from './history.js';
import { after, type State, UNKNOWN } from './model.js';

/**
 * How many calls without an answer may follow one another: what happened is nearly always found by
 * the first search, and without a bound all orders and choices of such calls would be tried first.
 */
const MOST_IN_A_ROW = [1, 2, Number.POSITIVE_INFINITY];
/** States looked at before a search gives up. Nothing else runs meanwhile. */
const MOST_STATES = 10_000;

export interface Finding {
  /** `undecided`: there are too many orders to try. */
  readonly result: 'yes' | 'no' | 'undecided';
  /** The most calls that fit one after another. */
  readonly longest: readonly Call[];
}

export function linearize(calls: readonly Call[]): Finding {
  // Calls with an answer first: what is unknown is made use of only where nothing else explains.
  const sorted = [...calls].sort((a, b) => a.answeredAt - b.answeredAt || a.begunAt - b.begunAt);
  let finding: Finding = { result: 'no', longest: [] };
  for (const mostInARow of MOST_IN_A_ROW) {
    finding = new Search(sorted, mostInARow).run();
    if (finding.result === 'yes') return finding;
  }
  return finding;
}

/** Where a search is. */
interface Position {
  readonly state: State;
  /** The state as text. */
  readonly text: string;
  /** The calls that are done, a bit for each. */
  readonly done: bigint;
  /** How many calls without an answer were done last. */
  readonly inARow: number;
}

class Search {
  readonly #calls: readonly Call[];
  readonly #mostInARow: number;
  readonly #visited = new Set<string>();
  readonly #path: Call[] = [];
  #longest: readonly Call[] = [];

  constructor(calls: readonly Call[], mostInARow: number) {
    this.#calls = calls;
    this.#mostInARow = mostInARow;
  }

  run(): Finding {
    const start = { state: UNKNOWN, text: JSON.stringify(UNKNOWN), done: 0n, inARow: 0 };
    const fits = this.#explore(start);
    const result = fits ? 'yes' : this.#isOver ? 'undecided' : 'no';
    return { result, longest: this.#longest };
  }

  get #isOver(): boolean {
    return this.#visited.size >= MOST_STATES;
  }

  #explore(position: Position): boolean {
    const { text, done, inARow } = position;
    const left = this.#calls.filter((_, n) => (done & (1n << BigInt(n))) === 0n);
    // Those with an answer come first.
    if (left[0]?.answer === undefined) return true;
    if (this.#isOver) return false;
    const row = this.#mostInARow === Number.POSITIVE_INFINITY ? '' : inARow;
    const key = `${done.toString(36)} ${row} ${text}`;
    if (this.#visited.has(key)) return false;
    this.#visited.add(key);
    return this.#choices(left, position).some((choice) => this.#take(choice, position));
  }

  #take({ call, state, text }: Choice, { done, inARow }: Position): boolean {
    this.#path.push(call);
    if (this.#path.length > this.#longest.length) this.#longest = [...this.#path];
    const fits = this.#explore({
      state,
      text,
      done: done | (1n << BigInt(this.#calls.indexOf(call))),
      inARow: call.answer === undefined ? inARow + 1 : 0,
    });
    this.#path.pop();
    return fits;
  }

  #choices(left: readonly Call[], { state, text: before, inARow }: Position): Choice[] {
    // Nothing can come after a call that was answered before it began.
    const firstAnswer = left[0]!.answeredAt;
    const choices: Choice[] = [];
    const repeated = new Set<Asked>();
    for (const call of left) {
      if (call.begunAt > firstAnswer) continue;
      const isUnanswered = call.answer === undefined;
      // Of repeats of one call, none of them answered, one is as good as another.
      if (isUnanswered && (inARow >= this.#mostInARow || repeated.has(call.asked))) continue;
      if (isUnanswered) repeated.add(call.asked);
      for (const next of after(state, call)) {
        const text = JSON.stringify(next);
        const isIdle = text === before;
        // What fits here and never changes a task can as well come first. (A delete that finds
        // nothing still forgets what was consumed.)
        const isPure = !isUnanswered && call.asked.kind !== 'delete';
        if (isIdle && isPure) return [{ call, state: next, text }];
        // A call that nobody had an answer to, and which changed nothing, explains nothing.
        if (!isIdle || !isUnanswered) choices.push({ call, state: next, text });
      }
    }
    return choices;
  }
}

interface Choice {
  readonly call: Call;
  readonly state: State;
  readonly text: string;
}
