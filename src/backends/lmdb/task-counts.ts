/**
 * How many tasks are stored, by namespace and class: a row of six numbers for each namespace, written
 * once for all writes of a transaction. A namespace without tasks has no row.
 */
import type { Database } from 'lmdb';
import { STATE_CLASSES } from '../../record/listing.js';

/** One of LMDB's databases. */
export type Table = Database<Buffer, string>;

const NUMBER_LENGTH = 4;

export class TaskCounts {
  readonly #table: Table;
  /** What the running transaction changes. */
  readonly #changes = new Map<string, number[]>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** The counts of a namespace, in the order of `STATE_CLASSES`. Expired tasks are in them until purged. */
  read(namespace: string): number[] {
    const row = this.#table.get(namespace);
    return STATE_CLASSES.map((_, at) => row?.readUInt32LE(at * NUMBER_LENGTH) ?? 0);
  }

  /** Starts a transaction: what one that failed had changed is forgotten. */
  begin(): void {
    this.#changes.clear();
  }

  add(namespace: string, stateClass: string, change: number): void {
    let changes = this.#changes.get(namespace);
    if (changes === undefined) {
      changes = STATE_CLASSES.map(() => 0);
      this.#changes.set(namespace, changes);
    }
    changes[Number(stateClass)]! += change;
  }

  /** Writes the rows that have changed, inside the transaction that changed them. */
  flush(): void {
    for (const [namespace, changes] of this.#changes) {
      if (changes.every((change) => change === 0)) continue;
      const counts = this.read(namespace).map((count, at) => count + changes[at]!);
      if (counts.every((count) => count === 0)) {
        this.#table.remove(namespace);
        continue;
      }
      const row = Buffer.allocUnsafe(STATE_CLASSES.length * NUMBER_LENGTH);
      for (const [at, count] of counts.entries()) row.writeUInt32LE(count, at * NUMBER_LENGTH);
      this.#table.put(namespace, row);
    }
  }
}
