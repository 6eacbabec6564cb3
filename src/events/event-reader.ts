/**
 * One reader of events. It is live, or it is behind: then nothing is queued for it, and it is sent
 * what it has missed from the log, piece by piece, as fast as it reads.
 */
import type { Writable } from 'node:stream';
import type { EventFilter } from './event-filter.js';
import type { EventLog } from './event-log.js';

/** How many characters a reader that is behind is sent at a time. */
const PIECE = 65_536;
/** How long a reader that is told to go may take to read so. */
const GOES_WITHIN_MS = 2_000;

export class EventReader {
  readonly filter: EventFilter;
  /** The task whose present status the stream starts with; undefined for none. */
  readonly startsWith: string | undefined;
  /** The version of that status, when it has been sent: a late hint of it is no news. */
  shown: string | undefined;
  readonly #out: Writable;
  /** It has everything up to here; undefined where it is live. */
  #cursor: number | undefined;

  constructor(out: Writable, filter: EventFilter, startsWith: string | undefined) {
    this.#out = out;
    this.filter = filter;
    this.startsWith = startsWith;
    // What fails closes the stream too, and that is what counts.
    out.on('error', () => {});
  }

  /** Where it stands, if it is behind; undefined where it is live. */
  get cursor(): number | undefined {
    return this.#cursor;
  }

  /** Sends what brings the reader up to `seq`, whatever it had before. */
  send(blocks: string | Buffer, seq: number): void {
    this.#cursor = this.#out.write(blocks) ? undefined : seq;
  }

  /** Begins behind, at a position that the log reaches. */
  resumeAt(seq: number, log: EventLog): void {
    this.#cursor = seq;
    this.catchUp(log);
  }

  /** Sends a reader that is behind what it has missed, until it is live or takes no more. */
  catchUp(log: EventLog): void {
    while (this.#cursor !== undefined) {
      const { blocks, seq } = this.#pieceOf(log, this.#cursor);
      this.#cursor = seq;
      if (blocks === '') this.#cursor = undefined;
      else if (!this.#out.write(blocks)) return;
    }
  }

  /** Ends the stream; at once where it cannot be told, so that nothing of it stays. */
  end(blocks = ''): void {
    this.#out.end(blocks);
    const timer = setTimeout(() => this.#out.destroy(), GOES_WITHIN_MS).unref();
    this.#out.once('close', () => clearTimeout(timer));
  }

  #pieceOf(log: EventLog, from: number): { blocks: string; seq: number } {
    let blocks = '';
    for (const event of log.after(from)) {
      if (!this.filter.accepts(event)) continue;
      blocks += event.block;
      if (blocks.length >= PIECE) return { blocks, seq: event.seq };
    }
    return { blocks, seq: log.seq };
  }
}
