/**
 * What is kept of a program's output: its result, as far as that may be one, and the end of what it
 * says beside it, which is the log. The log of a success is its error output; that of a failure, whose
 * error output is in the exception, its standard output.
 */
import { KeptBytes } from './kept-bytes.js';

/** How much of the end of each output is kept for the log. */
const LOG_BYTES = 1_024 * 1_024;
/** How much of the end of the error output stands in an exception. */
const TAIL_BYTES = 16 * 1_024;

export class ProgramOutput {
  /** The standard output up to the bound. */
  readonly result: KeptBytes;
  readonly #outputEnd: KeptBytes;
  readonly #errorEnd = new KeptBytes(LOG_BYTES, 'last');

  /** Keeps the standard output up to so many bytes; with 0, nothing of it. */
  constructor(resultBytes: number) {
    this.result = new KeptBytes(resultBytes, 'first');
    this.#outputEnd = new KeptBytes(Math.min(LOG_BYTES, resultBytes), 'last');
  }

  add(name: 'stdout' | 'stderr', chunk: Buffer): void {
    if (name === 'stderr') {
      this.#errorEnd.add(chunk);
      return;
    }
    this.result.add(chunk);
    this.#outputEnd.add(chunk);
  }

  get logOfSuccess(): string {
    return this.#errorEnd.text;
  }

  get logOfFailure(): string {
    return this.#outputEnd.text;
  }

  /** The end of the error output, without the white space behind it. */
  get reason(): string {
    return this.#errorEnd.tail(TAIL_BYTES).trimEnd();
  }
}
