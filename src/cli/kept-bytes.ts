/** What a program has written, kept up to a bound: from the start, or the last of it. */

export class KeptBytes {
  readonly #bound: number;
  readonly #end: 'first' | 'last';
  #chunks: Buffer[] = [];
  #kept = 0;
  #size = 0;

  /** Keeps the `first` so many bytes, or about the `last`. */
  constructor(bound: number, end: 'first' | 'last') {
    this.#bound = bound;
    this.#end = end;
  }

  /** All bytes that were written. */
  get size(): number {
    return this.#size;
  }

  /** Whether it was more than what is kept. */
  get isCut(): boolean {
    return this.#size > this.#bound;
  }

  get bytes(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    return this.#end === 'last' ? lastOf(bytes, this.#bound) : bytes;
  }

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    const rest = this.#end === 'last' ? chunk.length : Math.max(0, this.#bound - this.#kept);
    if (rest === 0) return;
    this.#chunks.push(chunk.subarray(0, rest));
    this.#kept += Math.min(rest, chunk.length);
    if (this.#end === 'last' && this.#kept >= 2 * this.#bound) {
      this.#chunks = [Buffer.from(this.bytes)];
      this.#kept = this.#bound;
    }
  }

  /** What is kept, as `tail` has it. */
  get text(): string {
    return this.tail(this.#bound);
  }

  /**
   * The last so many bytes as text: from a line's start where it was cut, and with U+FFFD for what is
   * not UTF-8.
   */
  tail(bound: number): string {
    const { bytes } = this;
    const text = lastOf(bytes, bound).toString();
    const isCut = bytes.length > bound || (this.#end === 'last' && this.isCut);
    if (!isCut) return text;
    const lineEnd = text.indexOf('\n');
    return lineEnd < 0 || lineEnd === text.length - 1 ? text : text.slice(lineEnd + 1);
  }
}

function lastOf(bytes: Buffer, count: number): Buffer {
  return bytes.subarray(Math.max(0, bytes.length - count));
}
