/**
 * The embedded, durable backend: LMDB in a directory that one process owns.
 *
 * Reads are synchronous look-ups in memory-mapped pages. Writes go through one queue and are
 * acknowledged after the sync. After a failed commit the store is asked whether it still works, and
 * opened anew where LMDB has given it up, so that a disk that was full or failing needs no restart.
 */
import { resolve } from 'node:path';
import { shown, storeUnavailable } from '../../errors.js';
import { type ManyParts, type Parts, readUpTo, type TaskEntry } from '../../record/entry.js';
import type { Listed, Scan, StateCounts } from '../../record/listing.js';
import type { Command, Reply } from '../../result-backend/commands.js';
import type { Decision } from '../../result-backend/decide.js';
import { Listeners } from '../../result-backend/listeners.js';
import {
  type Listener,
  ResultBackend,
  type ResultBackendOptions,
  type Supports,
  type Unsubscribe,
} from '../../result-backend.js';
import { DirectoryLock, makeDirectory } from './directory-lock.js';
import { countTasks, listTasks } from './listing-reader.js';
import { commitCause, wrapped } from './lmdb-errors.js';
import { silencePackage } from './package-output.js';
import { FIRST_KEY, TaskTables, taskKeyOf } from './task-tables.js';
import { planCommand, planProbe, planPurge } from './write-plan.js';
import { type Plan, WriteQueue } from './write-queue.js';

export interface LmdbBackendOptions extends ResultBackendOptions {
  /** Where the store is kept. It is made where it is missing. */
  readonly directory: string;
  /** Writes that may wait for the disk; more are `overloaded`. Default: 20,000. */
  readonly maxQueuedWrites?: number;
  /** Their bytes in sum. Default: 256 MiB. */
  readonly maxQueuedBytes?: number;
}

const PURGE_EVERY_MS = 250;
/** Tasks removed in one step, so that a purge never holds up other writes for long. */
const PURGE_STEP = 250;
const COMMAND_BYTES = 512;

export class LmdbBackend extends ResultBackend {
  readonly supports: Supports = { durable: true, shared: false, namespaces: true, listing: true };
  readonly directory: string;
  readonly #listeners = new Listeners();
  readonly #queue: WriteQueue<TaskTables>;
  #lock: DirectoryLock | undefined;
  #endSilence: () => void = () => {};
  /** Undefined before the start, after the end, and while the store is opened anew. */
  #tables: TaskTables | undefined;
  #reopening: Promise<TaskTables> | undefined;
  /** How many bytes the largest write had that has failed, until one as large succeeds; else 0. */
  #failedBytes = 0;
  #purger: NodeJS.Timeout | undefined;
  #isPurging = false;

  constructor(options: LmdbBackendOptions) {
    super(options);
    this.directory = resolve(options.directory);
    this.#queue = new WriteQueue({
      commit: (write) => this.#commit(write),
      ...(options.maxQueuedWrites === undefined ? {} : { maxWrites: options.maxQueuedWrites }),
      ...(options.maxQueuedBytes === undefined ? {} : { maxBytes: options.maxQueuedBytes }),
    });
  }

  /** How many tasks are held, the expired ones that are not purged yet included. */
  get storedTasks(): number {
    return this.#tables?.storedTasks ?? 0;
  }

  protected async _startup(): Promise<void> {
    try {
      await makeDirectory(this.directory);
      this.#lock = await DirectoryLock.acquire(this.directory);
      this.#tables = await TaskTables.open(this.directory);
      this.#endSilence = silencePackage();
    } catch (error) {
      await this.#lock?.release();
      this.#lock = undefined;
      throw wrapped(error, `the store in ${shown(this.directory)} cannot be opened`);
    }
    this.#purger = setInterval(() => void this.#purge(), PURGE_EVERY_MS).unref();
  }

  protected async _shutdown(): Promise<void> {
    clearInterval(this.#purger);
    this.#purger = undefined;
    await this.#queue.idle();
    const tables = this.#tables;
    this.#tables = undefined;
    await tables?.close();
    this.#endSilence();
    await this.#lock?.release();
    this.#listeners.clear();
  }

  /**
   * After a failed write, only one as large that succeeds shows that the store works again: on a disk
   * that is nearly full, small ones still do.
   */
  protected async _ping(): Promise<void> {
    const bytes = this.#failedBytes;
    if (bytes > 0) {
      await this.#queue.run(bytes, (tables) => planProbe(tables, bytes));
      await this.#queue.run(0, (tables) => planProbe(tables, 1));
    } else if (this.#tables === undefined) await this.#reopened();
  }

  protected async _read(
    namespace: string,
    taskId: string,
    parts: Parts,
  ): Promise<TaskEntry | undefined> {
    const tables = this.#tables ?? (await this.#reopened());
    return readEntry(tables, namespace, taskId, parts);
  }

  protected override async _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    const tables = await this.#open();
    const { maxBytes = Number.POSITIVE_INFINITY } = parts;
    return readUpTo(maxBytes, taskIds, (taskId) => readEntry(tables, namespace, taskId, parts));
  }

  protected async _execute(namespace: string, command: Command): Promise<Reply> {
    const decision = await this.#queue.run(bytesOf(command), planOf(namespace, command));
    if (decision.write !== undefined) {
      this.#listeners.changed(namespace, command.taskId, decision.write);
    }
    return decision;
  }

  protected override _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<readonly (Reply | Error)[]> {
    return new Promise((resolve) => {
      const replies: (Reply | Error)[] = new Array(commands.length);
      let left = commands.length;
      for (const [at, command] of commands.entries()) {
        this.#queue.add(bytesOf(command), planOf(namespace, command), (settled) => {
          replies[at] = 'error' in settled ? (settled.error as Error) : settled.result;
          if ('result' in settled && settled.result.write !== undefined) {
            this.#listeners.changed(namespace, command.taskId, settled.result.write);
          }
          left -= 1;
          if (left === 0) resolve(replies);
        });
      }
    });
  }

  protected override async _list(namespace: string, scan: Scan): Promise<Listed[]> {
    return listTasks(this.#open, namespace, scan).catch((error: unknown) => {
      throw wrapped(error, `the tasks of ${shown(namespace)} could not be listed`);
    });
  }

  protected override async _count(namespace: string): Promise<StateCounts> {
    return countTasks(this.#open, namespace).catch((error: unknown) => {
      throw wrapped(error, `the tasks of ${shown(namespace)} could not be counted`);
    });
  }

  protected async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#listeners.add(namespace, listener);
  }

  async #commit(write: (tables: TaskTables) => number): Promise<void> {
    const tables = this.#tables ?? (await this.#reopen());
    let bytes = 0;
    try {
      await tables.transaction(() => {
        bytes = write(tables);
      });
      if (bytes >= this.#failedBytes) this.#failedBytes = 0;
    } catch (error) {
      const cause = await commitCause(error);
      this.#failedBytes = Math.max(1, bytes, this.#failedBytes);
      await this.#recover(tables);
      throw wrapped(cause, 'the write could not be stored');
    }
  }

  /** Opens the store anew where LMDB has given it up: it says so at every use from then on. */
  async #recover(tables: TaskTables): Promise<void> {
    try {
      tables.checkUsable();
    } catch {
      this.#tables = undefined;
      this.#reopening = tables.close().then(() => this.#reopen());
      // Whether it can be opened shows at the next use.
      await this.#reopening.catch(() => {});
    }
  }

  async #reopen(): Promise<TaskTables> {
    try {
      this.#tables = await TaskTables.open(this.directory);
      return this.#tables;
    } catch (error) {
      throw wrapped(error, `the store in ${shown(this.directory)} cannot be opened again`);
    }
  }

  readonly #open = async (): Promise<TaskTables> => this.#tables ?? this.#reopened();

  /** The store once it is open again. Only the write queue opens it, one at a time. */
  async #reopened(): Promise<TaskTables> {
    const tables = await this.#reopening;
    if (tables === undefined) throw storeUnavailable('the store is not open');
    return this.#tables ?? tables;
  }

  /** Removes all that has come due, one step after another, until the end of the backend. */
  async #purge(): Promise<void> {
    if (this.#isPurging) return;
    this.#isPurging = true;
    try {
      while (this.#purger !== undefined && this.#tables !== undefined) {
        const due = this.#tables.expiredKeys(FIRST_KEY, Date.now(), PURGE_STEP);
        if (due.length > 0) await this.#queue.run(0, (tables) => planPurge(tables, due));
        if (due.length < PURGE_STEP) return;
      }
    } catch {
      // The next tick tries again; `ping` tells of a store that cannot write.
    } finally {
      this.#isPurging = false;
    }
  }
}

function planOf(namespace: string, command: Command): (tables: TaskTables) => Plan<Decision> {
  const key = taskKeyOf(namespace, command.taskId);
  return (tables) => {
    try {
      return planCommand(tables, key, command);
    } catch (error) {
      throw wrapped(error, `task ${shown(command.taskId)} could not be read`);
    }
  };
}

function readEntry(
  tables: TaskTables,
  namespace: string,
  taskId: string,
  parts: Parts,
): TaskEntry | undefined {
  try {
    return tables.read(taskKeyOf(namespace, taskId), parts);
  } catch (error) {
    throw wrapped(error, `task ${shown(taskId)} could not be read`);
  }
}

function bytesOf(command: Command): number {
  if (command.kind === 'set-progress') return COMMAND_BYTES + command.progress.length;
  if (command.kind !== 'set-outcome') return COMMAND_BYTES;
  return COMMAND_BYTES + command.outcome.size + (command.outcome.log?.length ?? 0);
}
