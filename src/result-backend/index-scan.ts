/**
 * One scan over the indexes of all buckets: a merge of sorted streams, one for each bucket and class
 * of state. Each is read a few tasks at a time, as many as will do if ids are spread evenly, and
 * only those that hold up the merge are read on.
 *
 * The indexes say which tasks may be next, the tasks themselves which are: one that has gone or
 * changed in between is left out.
 */

import { liveEntry, type TaskEntry } from '../record/entry.js';
import {
  compareListed,
  isInScan,
  isLarge,
  type Listed,
  type Position,
  type Scan,
} from '../record/listing.js';

/** Reads one index: for each of the classes at most `limit` tasks behind a position. */
type ReadIndex = (
  bucket: number,
  classes: readonly number[],
  position: Position | undefined,
  limit: number,
) => Promise<Position[][]>;

interface ScanSource {
  readonly buckets: number;
  readonly classes: readonly number[];
  readonly readIndex: ReadIndex;
  /** Of the first ids only, at least one, where they are large. */
  readonly readTasks: (taskIds: readonly string[]) => Promise<(TaskEntry | undefined)[]>;
  /** The store's clock. */
  readonly now: () => number;
}

/** The tasks of one bucket and class that are not merged yet. */
interface Stream {
  readonly bucket: number;
  readonly class: number;
  /** Up to where it was read. */
  position: Position | undefined;
  isExhausted: boolean;
}

/** So many are read at once at the most: no answer must take too long. */
const MOST_OF_STREAM = 256;
const MOST_TASKS = 2_000;

export class IndexScan {
  readonly #scan: Scan;
  readonly #source: ScanSource;
  #streams: Stream[] = [];
  /** What was read of all streams, in the order of lists. */
  #waiting: Position[] = [];
  #pageSize: number;

  constructor(scan: Scan, source: ScanSource) {
    this.#scan = scan;
    this.#source = source;
    const expected = scan.limit / source.buckets;
    this.#pageSize = Math.ceil(expected + 2 * Math.sqrt(expected) + 1);
  }

  /** The scan's tasks. */
  async run(): Promise<Listed[]> {
    const { limit } = this.#scan;
    const listed: Listed[] = [];
    let dropped = 0;
    await this.#begin();
    while (listed.length < limit && !isLarge(listed, this.#scan)) {
      const missing = limit - listed.length;
      // Where many are dropped, more are asked for.
      const next = this.#take(Math.min(missing + dropped, MOST_TASKS));
      if (next.length > 0) {
        const entries = await this.#source.readTasks(next.map(({ taskId }) => taskId));
        // Where they are large, not all were read.
        this.#waiting.unshift(...next.splice(entries.length));
        const live = this.#live(next, entries);
        dropped += next.length - live.length;
        listed.push(...live);
      } else if (this.#streams.length > 0) {
        await this.#readOn(missing);
      } else {
        break;
      }
    }
    return listed.slice(0, limit);
  }

  async #begin(): Promise<void> {
    const { buckets, classes, readIndex } = this.#source;
    const { position } = this.#scan;
    const reads = Array.from({ length: buckets }, async (_, bucket) => {
      const pages = await readIndex(bucket, classes, position, this.#pageSize);
      for (const [at, page] of pages.entries()) {
        const stream = { bucket, class: classes[at]!, position, isExhausted: false };
        this.#streams.push(stream);
        this.#add(stream, page, this.#pageSize);
      }
    });
    await Promise.all(reads);
    this.#sort();
  }

  /** Reads on all streams that end before the last one of those that wait and are missing. */
  async #readOn(missing: number): Promise<void> {
    this.#pageSize = Math.min(this.#pageSize * 2, MOST_OF_STREAM);
    const goal = this.#waiting[missing - 1] ?? this.#waiting.at(-1) ?? this.#frontier()!;
    const limit = this.#pageSize;
    const behind = this.#streams.filter(({ position }) => compareListed(position!, goal) <= 0);
    await Promise.all(
      behind.map(async (stream) => {
        const { bucket, position } = stream;
        const [page] = await this.#source.readIndex(bucket, [stream.class], position, limit);
        this.#add(stream, page!, limit);
      }),
    );
    this.#sort();
  }

  #add(stream: Stream, page: readonly Position[], limit: number): void {
    for (const position of page) this.#waiting.push(position);
    stream.position = page.at(-1) ?? stream.position;
    stream.isExhausted = page.length < limit;
  }

  #sort(): void {
    this.#streams = this.#streams.filter(({ isExhausted }) => !isExhausted);
    this.#waiting.sort(compareListed);
  }

  /** Up to here everything was read; undefined where that is so of all. */
  #frontier(): Position | undefined {
    let frontier: Position | undefined;
    for (const { position } of this.#streams) {
      if (frontier === undefined || compareListed(position!, frontier) < 0) frontier = position;
    }
    return frontier;
  }

  /** Takes at most so many tasks that are next for certain. */
  #take(count: number): Position[] {
    const frontier = this.#frontier();
    let end = 0;
    while (
      end < count &&
      end < this.#waiting.length &&
      (frontier === undefined || compareListed(this.#waiting[end]!, frontier) <= 0)
    ) {
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }

  #live(positions: readonly Position[], entries: readonly (TaskEntry | undefined)[]): Listed[] {
    const now = this.#source.now();
    const listed: Listed[] = [];
    for (const [at, { taskId, updatedAt }] of positions.entries()) {
      const entry = liveEntry(entries[at], now);
      if (entry?.versionMs !== updatedAt) continue;
      if (isInScan({ taskId, entry }, this.#scan)) listed.push({ taskId, entry });
    }
    return listed;
  }
}
