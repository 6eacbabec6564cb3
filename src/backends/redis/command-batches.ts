/**
 * Commands that are given in one turn of the event loop go to Redis together: those of one bucket as
 * one script, which carries them out in their order. That halves what each of many writes costs
 * here; each still succeeds or fails alone. A command that comes alone goes by its own script.
 */
import type { Command } from '../../commands.js';
import {
  type Answer,
  type Argument,
  MANY,
  manyArguments,
  SCRIPTS,
  type Script,
} from './scripts.js';

/** Redis does nothing else while a script runs, and takes its arguments as a whole. */
const MOST_COMMANDS = 32;
const MOST_BYTES = 1_048_576;

export interface BatchItem {
  readonly kind: Command['kind'];
  /** As many as every other item of the bucket has. */
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

interface Waiting extends BatchItem {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Evaluates a script. Throws errors of this package. */
export type Evaluate = (
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
) => Promise<unknown>;

export class CommandBatches {
  readonly #evaluate: Evaluate;
  readonly #wrap: (error: unknown) => Error;
  /** By bucket, of this turn of the event loop. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** `wrap` makes an error of one command among many this package's. */
  constructor(evaluate: Evaluate, wrap: (error: unknown) => Error) {
    this.#evaluate = evaluate;
    this.#wrap = wrap;
  }

  /** Carries out a command. `bucket` names the namespace and the bucket of its keys. */
  run(bucket: string, item: BatchItem): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) process.nextTick(() => this.#send());
      const waiting = { ...item, resolve, reject };
      const together = this.#waiting.get(bucket);
      if (together === undefined) this.#waiting.set(bucket, [waiting]);
      else together.push(waiting);
    });
  }

  #send(): void {
    const groups = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const group of groups) {
      for (const part of partsOf(group)) void this.#carryOut(part);
    }
  }

  async #carryOut(items: readonly Waiting[]): Promise<void> {
    try {
      const [first] = items as [Waiting];
      if (items.length === 1) {
        const answer = await this.#evaluate(SCRIPTS[first.kind], first.keys, first.args);
        return first.resolve(answer as Answer);
      }
      const keys = items.flatMap((item) => item.keys);
      const answers = await this.#evaluate(MANY, keys, manyArguments(first.keys.length, items));
      for (const [at, answer] of (answers as (Answer | Error)[]).entries()) {
        if (answer instanceof Error) items[at]!.reject(this.#wrap(answer));
        else items[at]!.resolve(answer);
      }
    } catch (error) {
      for (const { reject } of items) reject(error);
    }
  }
}

/** The items in their order, in parts that are not too large for one script. */
function* partsOf(items: readonly Waiting[]): Generator<readonly Waiting[]> {
  let start = 0;
  let bytes = 0;
  for (const [at, { args }] of items.entries()) {
    const size = args.reduce((sum, arg) => sum + arg.length, 0);
    if (at > start && (at - start === MOST_COMMANDS || bytes + size > MOST_BYTES)) {
      yield items.slice(start, at);
      start = at;
      bytes = 0;
    }
    bytes += size;
  }
  yield start === 0 ? items : items.slice(start);
}
