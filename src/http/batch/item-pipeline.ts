/**
 * Runs the items of a batch, many at a time, and hands on their answers in the order of the items.
 * It holds a bounded number of items and of answers: who submits waits for room first.
 */
import { ResultdError } from '../../errors.js';

interface PipelineOptions {
  /** Carries out one item, or refuses it; calls `done` with its answer later, once. */
  readonly run: (
    index: number,
    document: Buffer | ResultdError,
    done: (answer: string) => void,
  ) => void;
  /** Takes some answers, in order; false where it wants no more until `resume` is called. */
  readonly emit: (answers: readonly string[]) => boolean;
}

/** Answers that are held for a reader that does not keep up; then nothing more is taken in. */
export const MAX_HELD = 10_000;
/** Enough for the group commit and the pipelining of a store; more would only queue up there. */
const MAX_RUNNING = 1_000;
const MAX_RUNNING_BYTES = 32 * 1_024 * 1_024;
const EMITTED_AT_ONCE = 500;

export class ItemPipeline {
  readonly #options: PipelineOptions;
  /** The answers that are not handed on yet, by their distance from the first of them. */
  #held: (string | undefined)[] = [];
  /** The index of the first answer that is held. */
  #first = 0;
  /** Answers that were handed on, but not taken off the reader's hands. */
  #emitted = 0;
  #running = 0;
  #runningBytes = 0;
  #isBlocked = false;
  #flush: NodeJS.Immediate | undefined;
  #onChange: (() => void) | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** How many items there have been. */
  get submitted(): number {
    return this.#first + this.#held.length;
  }

  /** The reader of the answers does not take any now. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Every item has been carried out, and its answer handed on. */
  get isDone(): boolean {
    return this.#held.length === 0;
  }

  /** Whether there is room for an item of so many bytes. One of any size is run alone. */
  hasRoom(bytes: number): boolean {
    return (
      this.#held.length + this.#emitted < MAX_HELD &&
      this.#running < MAX_RUNNING &&
      (this.#running === 0 || this.#runningBytes + bytes <= MAX_RUNNING_BYTES)
    );
  }

  /** Resolves when there may be room again, or when `interrupt` is called. For one caller. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve;
    });
  }

  submit(document: Buffer | ResultdError): void {
    const index = this.submitted;
    const bytes = document instanceof ResultdError ? 0 : document.length;
    this.#held.push(undefined);
    this.#running += 1;
    this.#runningBytes += bytes;
    this.#options.run(index, document, (answer) => {
      this.#held[index - this.#first] = answer;
      this.#running -= 1;
      this.#runningBytes -= bytes;
      this.#flushSoon();
    });
  }

  /** Resolves when all that was submitted has been carried out. */
  async idle(): Promise<void> {
    while (this.#running > 0) await this.changed();
  }

  /** The answers that are still held. Nothing runs, and nothing more is emitted. */
  takeHeld(): string[] {
    clearImmediate(this.#flush);
    const answers = this.#held as string[];
    this.#first += answers.length;
    this.#held = [];
    return answers;
  }

  /** The reader takes answers again. */
  resume(): void {
    this.#isBlocked = false;
    this.#emitted = 0;
    this.#flushSoon();
  }

  /** Wakes whoever waits for a change. */
  interrupt(): void {
    const onChange = this.#onChange;
    this.#onChange = undefined;
    onChange?.();
  }

  /** Once for each turn of the event loop, whose answers then go out together. */
  #flushSoon(): void {
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.#emitReady();
      this.interrupt();
    });
  }

  #emitReady(): void {
    while (!this.#isBlocked) {
      let count = 0;
      while (count < EMITTED_AT_ONCE && this.#held[count] !== undefined) count += 1;
      if (count === 0) return;
      const answers = this.#held.splice(0, count) as string[];
      this.#first += count;
      if (this.#options.emit(answers)) continue;
      this.#isBlocked = true;
      this.#emitted = count;
    }
  }
}
