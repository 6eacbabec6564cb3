/** The search for the body that holds the event loop longest: tries at random, and changes of the worst. */
import { Random } from '../conformance/random.js';
import { type Body, describe, FRAMES, render, unitsFor } from './grammar.js';

export interface Found {
  readonly body: Body;
  /** The longest turn while it was served, in milliseconds of CPU time. */
  readonly turnMs: number;
}

export interface SearchOptions {
  readonly seed: number;
  /** When to stop, on the clock of `performance`. */
  readonly endsAt: number;
  /** The bytes of each body. */
  readonly size: number;
  /** Sends a body, and measures. */
  readonly measure: (body: Body, bytes: Buffer) => Promise<number>;
}

/** How many of the worst are kept, and changed. */
const KEPT = 20;

export async function search(options: SearchOptions): Promise<{ tried: number; worst: Found[] }> {
  const random = new Random(options.seed);
  let worst: Found[] = [];
  let tried = 0;
  while (performance.now() < options.endsAt) {
    const body =
      worst.length < KEPT || random.below(3) === 0
        ? anyBody(random)
        : changed(random, random.pick(worst).body);
    const turnMs = await options.measure(body, render(body, options.size));
    tried += 1;
    const others = worst.filter((found) => describe(found.body) !== describe(body));
    worst = [...others, { body, turnMs }].sort((a, b) => b.turnMs - a.turnMs).slice(0, KEPT);
  }
  return { tried, worst };
}

function anyBody(random: Random): Body {
  const frame = random.pick(FRAMES);
  return { frame, units: [random.pick(unitsFor(frame.kind))] };
}

/** The same in another frame, or with a unit more, less or other. */
function changed(random: Random, { frame, units }: Body): Body {
  const other = random.pick(unitsFor(frame.kind));
  switch (random.below(4)) {
    case 0:
      return { frame: random.pick(FRAMES.filter(({ kind }) => kind === frame.kind)), units };
    case 1:
      return { frame, units: [...units, other] };
    case 2:
      return { frame, units: units.length > 1 ? units.slice(1) : [other] };
    default:
      return { frame, units: [other, ...units.slice(1)] };
  }
}
