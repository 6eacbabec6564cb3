/**
 * The connections that take statements. Writes have some of their own, so that a read waits for no
 * commit, and so do reads, so that they wait for no long list; where there are few, they are shared.
 */

import type { Row, Statement, Value } from './postgres-connection.js';
import { type LinkOptions, PostgresLink } from './postgres-link.js';

/** What a statement does: swaps, loads, or whatever may take longer. */
type Role = 'swap' | 'load' | 'other';

export class PostgresLinks {
  readonly #links: readonly PostgresLink[];
  readonly #byRole: Readonly<Record<Role, readonly PostgresLink[]>>;

  constructor(count: number, options: LinkOptions) {
    this.#links = Array.from({ length: count }, () => new PostgresLink(options));
    const swaps = Math.max(1, Math.floor(count / 2));
    const others = count > 2 ? 1 : 0;
    const loads = this.#links.slice(Math.min(swaps, count - 1), count - others);
    this.#byRole = {
      swap: this.#links.slice(0, swaps),
      load: loads,
      other: this.#links.slice(-1),
    };
  }

  /** How many connections a role has. */
  countOf(role: Role): number {
    return this.#byRole[role].length;
  }

  /** Connects all, or throws `store-unavailable` and leaves nothing open. */
  async open(): Promise<void> {
    const results = await Promise.allSettled(this.#links.map((link) => link.open()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    await this.close();
    throw failed.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** Runs a statement on the least busy connection. Throws `store-unavailable`. */
  async run(
    role: Role,
    statement: Statement,
    values: readonly Value[],
    timeoutMs?: number,
  ): Promise<Row[]> {
    const own = this.#byRole[role];
    const hopes = own.flatMap(({ hope }) => hope ?? []);
    if (hopes.length === own.length) await Promise.race(hopes);
    const isReady = (link: PostgresLink): boolean => link.isReady;
    // Those of other roles where all of its own are lost: one may be back before the others.
    const ready = own.some(isReady) ? own.filter(isReady) : this.#links.filter(isReady);
    const [first = own[0]!, ...others] = ready;
    const link = others.reduce((a, b) => (b.running < a.running ? b : a), first);
    return link.run(statement, values, timeoutMs);
  }
}
