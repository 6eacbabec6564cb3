/** The work: lines, words, bytes and SHA-256 of one file, read piece by piece. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export interface FileStats {
  /** Line feeds, as `wc -l` counts; null for a binary file, which has a byte 0. */
  readonly lines: number | null;
  /** What ASCII white space separates; null for a binary file. */
  readonly words: number | null;
  readonly bytes: number;
  readonly sha256: string;
}

const PIECE_BYTES = 256 * 1_024;
const LINE_FEED = 0x0a;

/** Is told how many bytes are done, and of how many. */
export type OnBytes = (done: number, of: number) => Promise<void>;

/** Counts a file. `onBytes` is called at the start and after each piece. */
export async function countFile(path: Buffer, onBytes: OnBytes): Promise<FileStats> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const sha = createHash('sha256');
    const piece = Buffer.alloc(PIECE_BYTES);
    const counter = new TextCounter();
    let bytes = 0;
    for (;;) {
      await onBytes(bytes, size);
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES);
      if (bytesRead === 0) break;
      const read = piece.subarray(0, bytesRead);
      sha.update(read);
      counter.add(read);
      bytes += bytesRead;
    }
    return { lines: counter.lines, words: counter.words, bytes, sha256: sha.digest('hex') };
  } finally {
    await file.close();
  }
}

class TextCounter {
  #lines = 0;
  #words = 0;
  #isBinary = false;
  /** The piece before may have ended inside a word. */
  #isInWord = false;

  get lines(): number | null {
    return this.#isBinary ? null : this.#lines;
  }

  get words(): number | null {
    return this.#isBinary ? null : this.#words;
  }

  add(piece: Buffer): void {
    this.#isBinary ||= piece.includes(0);
    if (this.#isBinary) return;
    for (const byte of piece) {
      if (byte === LINE_FEED) this.#lines += 1;
      const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
      if (!isSpace && !this.#isInWord) this.#words += 1;
      this.#isInWord = !isSpace;
    }
  }
}
