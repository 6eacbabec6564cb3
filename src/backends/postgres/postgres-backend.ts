/**
 * The PostgreSQL backend: one table, one row a task. Loads are gathered into one statement and swaps
 * into one commit, which also tells of them. PostgreSQL is the only clock.
 *
 * What is right about it is the base's; here is how a table loads and swaps.
 */

import { HEAD_ONLY } from '../../record/entry.js';
import type { Listed, Scan, StateCounts } from '../../record/listing.js';
import { stateClassesIn } from '../../record/listing.js';
import {
  CompareAndSwapBackend,
  type Load,
  type Loaded,
  type SwapResult,
} from '../../result-backend/compare-and-swap.js';
import { IndexScan } from '../../result-backend/index-scan.js';
import { StoreClock } from '../../result-backend/store-clock.js';
import type {
  Listener,
  ResultBackendOptions,
  Supports,
  Unsubscribe,
} from '../../result-backend.js';
import { HintListener } from './hint-listener.js';
import type { Row, Statement, Value } from './postgres-connection.js';
import { PostgresLinks } from './postgres-links.js';
import { channelOf, type PostgresSettings, parsePostgresUrl } from './postgres-url.js';
import { countsIn, listValues, PURGE_STEP, positionsOf, TableListing } from './table-listing.js';
import { prepareTable } from './table-schema.js';
import {
  CLOCK,
  loadedOf,
  loadValues,
  type PostgresSwap,
  swapValues,
  TableStatements,
  wonOf,
} from './table-statements.js';

const PURGE_EVERY_MS = 1_000;
/** Two clocks of machines drift apart by a millisecond or so in this time. */
const READ_CLOCK_EVERY_MS = 10_000;
const READ_CLOCK = { name: 'resultd_clock', text: `select ${CLOCK}` };
/** Half as many bytes are given the whole time. */
const LARGE_BYTES = 8 * 1_024 * 1_024;
const PRECISION_MS = 0.001;
/** At the start the clock is asked so often at most, or until it is known to within this. */
const MOST_CLOCK_READS = 10;
const WELL_KNOWN_MS = 1;
/** The loads of one connection that are under way: while one is answered, the next one is worked on. */
const LOADS_AT_ONCE = 2;

interface PostgresBackendOptions extends ResultBackendOptions {
  /** How long PostgreSQL may take to answer, in milliseconds. Default: 2,000. */
  readonly storeTimeoutMs?: number;
  /** Where a relative `sslrootcert` starts. Default: the working directory. */
  readonly baseDirectory?: string;
  /** Told where PostgreSQL is set up so that it may lose what it has acknowledged. */
  readonly onWarning?: (message: string) => void;
}

export class PostgresBackend extends CompareAndSwapBackend<string> {
  readonly supports: Supports = { durable: true, shared: true, namespaces: true, listing: true };
  readonly #settings: PostgresSettings;
  readonly #timeoutMs: number;
  readonly #statements: TableStatements;
  readonly #listing: TableListing;
  readonly #clock = new StoreClock();
  readonly #onWarning: (message: string) => void;
  #links: PostgresLinks;
  #listener: HintListener;
  #purger: NodeJS.Timeout | undefined;
  #clockReader: NodeJS.Timeout | undefined;
  #isPurging = false;

  constructor(settings: PostgresSettings, options: PostgresBackendOptions = {}) {
    const timeoutMs = options.storeTimeoutMs ?? 2_000;
    const links = linksOf(settings, timeoutMs);
    super(options, {
      loads: { callsAtOnce: LOADS_AT_ONCE * links.countOf('load') },
      swaps: { callsAtOnce: links.countOf('swap') },
    });
    this.#settings = settings;
    this.#timeoutMs = timeoutMs;
    this.#statements = new TableStatements(settings);
    this.#listing = new TableListing(settings);
    this.#onWarning = options.onWarning ?? (() => {});
    this.#links = links;
    this.#listener = this.#newListener();
  }

  /** A backend on what the URL names. Throws `invalid-parameter` where it is not valid. */
  static fromUrl(url: string, options: PostgresBackendOptions = {}): PostgresBackend {
    return new PostgresBackend(parsePostgresUrl(url, options.baseDirectory), options);
  }

  protected async _startup(): Promise<void> {
    this.#links = linksOf(this.#settings, this.#timeoutMs);
    this.#listener = this.#newListener();
    await this.#links.open();
    try {
      await prepareTable(this.#links, this.#settings);
      await this.#setClock();
      await this.#checkDurability();
    } catch (error) {
      await this.#links.close();
      throw error;
    }
    this.#purger = setInterval(() => void this.#purge(), PURGE_EVERY_MS).unref();
    this.#clockReader = setInterval(() => {
      this.#readClock().catch(() => {});
    }, READ_CLOCK_EVERY_MS).unref();
  }

  protected async _shutdown(): Promise<void> {
    clearInterval(this.#purger);
    clearInterval(this.#clockReader);
    await Promise.all([this.#links.close(), this.#listener.close()]);
  }

  /** Also asks for a write that changes nothing: a standby, or a role without the right, refuses it. */
  protected async _ping(): Promise<void> {
    await Promise.all([this.#readClock(), this.#links.run('swap', this.#statements.probe, [])]);
  }

  protected async _load(loads: readonly Load[]): Promise<readonly (Loaded<string> | Error)[]> {
    const found = new Array<Loaded<string>>(loads.length);
    for (let missing = [...loads.keys()]; missing.length > 0; ) {
      const sentAt = this.#clock.local();
      const values = loadValues(missing.map((at) => loads[at]!));
      const rows = await this.#gathered('load', this.#statements.load, values);
      const { loaded, clock } = loadedOf(rows, missing.length);
      if (clock !== undefined) this.#clock.observe(sentAt, clock, PRECISION_MS);
      for (const [n, at] of missing.entries()) if (loaded[n]) found[at] = loaded[n];
      // What did not fit is large: the first of it fits into the next load.
      missing = missing.filter((_, n) => loaded[n] === undefined);
    }
    return found;
  }

  protected async _swap(swaps: readonly PostgresSwap[]): Promise<readonly (SwapResult | Error)[]> {
    const results = new Array<SwapResult | Error>(swaps.length);
    const isNew = ({ from }: PostgresSwap): boolean => from.revision === undefined;
    const part = async (statement: Statement, wanted: boolean): Promise<void> => {
      const places = [...swaps.keys()].filter((at) => isNew(swaps[at]!) === wanted);
      const answers = await this.#swapAll(
        statement,
        places.map((at) => swaps[at]!),
      );
      for (const [n, at] of places.entries()) results[at] = answers[n]!;
    };
    const { create, replace } = this.#statements;
    await Promise.all([part(create, true), part(replace, false)]);
    return results;
  }

  protected async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#listener.subscribe(namespace, listener);
  }

  protected override async _list(namespace: string, scan: Scan): Promise<Listed[]> {
    const parts = { ...HEAD_ONLY, maxBytes: scan.maxBytes };
    const listing = new IndexScan(scan, {
      buckets: 1,
      classes: stateClassesIn(scan),
      readIndex: async (_bucket, classes, position, limit) => {
        const values = listValues(namespace, scan, classes, { position, limit });
        return positionsOf(await this.#links.run('other', this.#listing.list, values), classes);
      },
      readTasks: (taskIds) => this._readMany(namespace, taskIds, parts),
      now: () => this._now(),
    });
    return listing.run();
  }

  protected override async _count(namespace: string): Promise<StateCounts> {
    return countsIn(await this.#links.run('other', this.#listing.count, [namespace]));
  }

  protected override _now(): number {
    return this.#clock.now();
  }

  async #swapAll(
    statement: Statement,
    swaps: readonly PostgresSwap[],
  ): Promise<readonly (SwapResult | Error)[]> {
    if (swaps.length === 0) return [];
    const sentAt = this.#clock.local();
    try {
      const { won, clock } = wonOf(await this.#gathered('swap', statement, swapValues(swaps)));
      if (clock !== undefined) this.#clock.observe(sentAt, clock, PRECISION_MS);
      return swaps.map((_, at) => (won.has(at) ? 'won' : 'lost'));
    } catch (error) {
      return swaps.map(() => error as Error);
    }
  }

  /** Half of the time, since a call may have waited for another one before it; more for many bytes. */
  #gathered(role: 'load' | 'swap', statement: Statement, values: readonly Value[]): Promise<Row[]> {
    const bytes = values.reduce((sum: number, value) => sum + bytesIn(value), 0);
    const share = Math.min(1, 0.5 + bytes / LARGE_BYTES);
    return this.#links.run(role, statement, values, this.#timeoutMs * share);
  }

  #newListener(): HintListener {
    const { listenAddress: address } = this.#settings;
    const notify = (payload: string) =>
      this.#links.run('other', this.#statements.notify, [payload]);
    const options = { address, timeoutMs: this.#timeoutMs, isPreparing: false };
    return new HintListener(channelOf(this.#settings), notify, options);
  }

  /** What is decided here is dated by this clock: it is asked until it is known well. */
  async #setClock(): Promise<void> {
    for (let reads = 0; reads < MOST_CLOCK_READS; reads += 1) {
      if (this.#clock.errorMs < WELL_KNOWN_MS) return;
      await this.#readClock();
    }
  }

  async #readClock(): Promise<void> {
    const sentAt = this.#clock.local();
    const [row] = await this.#links.run('other', READ_CLOCK, []);
    this.#clock.observe(sentAt, Number(row![0]), PRECISION_MS);
  }

  async #checkDurability(): Promise<void> {
    const [row] = await this.#links.run('other', this.#statements.durability, []);
    const risks = row!.filter((risk) => risk !== null);
    if (risks.length === 0) return;
    this.#onWarning(
      `PostgreSQL has ${risks.join(' and ')}: a crash loses results that were acknowledged`,
    );
  }

  /** Removes all that has expired, one step after another. */
  async #purge(): Promise<void> {
    if (this.#isPurging) return;
    this.#isPurging = true;
    try {
      for (let removed = PURGE_STEP; removed >= PURGE_STEP; ) {
        const [row] = await this.#links.run('other', this.#listing.purge, []);
        removed = Number(row![0]);
      }
    } catch {
      // The next tick tries again; `ping` tells of a store that cannot write.
    } finally {
      this.#isPurging = false;
    }
  }
}

function bytesIn(value: Value): number {
  return Buffer.isBuffer(value) ? value.length : 0;
}

function linksOf(settings: PostgresSettings, timeoutMs: number): PostgresLinks {
  const { address, connections, isPreparing } = settings;
  return new PostgresLinks(connections, { address, timeoutMs, isPreparing });
}
