/**
 * The alternate screen of a terminal, as full-screen programs use it: what was there before comes back
 * when it is left.
 */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #onResize: () => void;
  #isOpen = true;

  constructor(stream: NodeJS.WriteStream, onResize: () => void) {
    this.#stream = stream;
    this.#onResize = onResize;
    stream.write('\x1b[?1049h\x1b[?25l');
    stream.on('resize', onResize);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // A terminal that does not say how large it is says 0.
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 };
  }

  /** Shows these lines. A terminal that is slow is left to finish what it was sent. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen || this.#stream.writableNeedDrain) return;
    this.#stream.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
  }

  close(): void {
    this.#isOpen = false;
    this.#stream.off('resize', this.#onResize);
    this.#stream.write('\x1b[?25h\x1b[?1049l');
  }
}
