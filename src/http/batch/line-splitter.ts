/** Splits a stream of bytes into lines, each of them bounded: what is beyond the limit is skipped. */
import { skipSpace } from '../../json/lexer.js';

/** A line, without its end; undefined in place of one that was longer than the limit. */
export type Line = Buffer | undefined;

const LINE_FEED = 0x0a;
const NO_BYTES = Buffer.alloc(0);

export class LineSplitter {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that end in these bytes. Blank ones are left out. */
  *split(bytes: Buffer): Generator<Line> {
    let start = this.#length === 0 ? skipSpace(bytes, 0) : 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end < 0) break;
      const line = this.#take(bytes.subarray(start, end));
      if (!isBlank(line)) yield line;
      // Over blank lines too, at a byte's price each.
      start = skipSpace(bytes, end + 1);
    }
    this.#keep(bytes.subarray(start));
  }

  /** The last line, where it does not end in a line feed. */
  *end(): Generator<Line> {
    const line = this.#take(NO_BYTES);
    if (!isBlank(line)) yield line;
  }

  #take(last: Buffer): Line {
    if (this.#length === 0) return last.length > this.#limit ? undefined : last;
    this.#keep(last);
    const line = this.#length > this.#limit ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return line;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#limit) this.#parts = [];
    else this.#parts.push(part);
  }
}

function isBlank(line: Line): boolean {
  return line !== undefined && skipSpace(line, 0) === line.length;
}
