/** Splits a stream of bytes into lines, each of them bounded: what is beyond the limit is skipped. */

/** A line, without its end; undefined in place of one that was longer than the limit. */
export type Line = Buffer | undefined;

const LINE_FEED = 0x0a;
const SPACES = new Set([0x20, 0x09, 0x0d]);

export class LineSplitter {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that end in these bytes. Blank ones are left out. */
  *split(bytes: Buffer): Generator<Line> {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end < 0) break;
      yield* this.#take(bytes.subarray(start, end));
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** The last line, where it does not end in a line feed. */
  *end(): Generator<Line> {
    yield* this.#take(Buffer.alloc(0));
  }

  *#take(last: Buffer): Generator<Line> {
    if (this.#length === 0) {
      if (last.length > this.#limit) yield undefined;
      else if (!isBlank(last)) yield last;
      return;
    }
    this.#keep(last);
    const line = this.#length > this.#limit ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    if (line === undefined || !isBlank(line)) yield line;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#limit) this.#parts = [];
    else this.#parts.push(part);
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => SPACES.has(byte));
}
