/**
 * The primitives: all that a concrete backend implements. They work on entries of opaque bytes, and
 * are called by the contract's public methods alone, while the backend is open, with names, sizes
 * and times to live that have been checked.
 */
import type { Command, Reply } from './commands.js';
import { unsupported } from './errors.js';
import type { Listed, Scan, StateCounts } from './listing.js';
import type { Listener, Supports, Unsubscribe } from './result-backend-types.js';
import type { Parts, TaskEntry } from './task-entry.js';
import type { TaskWaits } from './waits/task-waits.js';

/** A store's time-out is for one read: the last of ten thousand at once would wait for all others. */
const READS_AT_ONCE = 1_000;

export abstract class Primitives {
  /** What this store can do. */
  abstract readonly supports: Supports;

  /** Opens the store, or throws `store-unavailable`. */
  protected abstract _startup(): Promise<void>;
  /** Closes the store. No call is running. */
  protected abstract _shutdown(): Promise<void>;
  /** Resolves where the store answers and can take writes. */
  protected abstract _ping(): Promise<void>;
  /** What is stored of a task, with at least the parts asked for. It may have expired. */
  protected abstract _read(
    namespace: string,
    taskId: string,
    parts: Parts,
  ): Promise<TaskEntry | undefined>;
  /** Carries out one command as `decide` says, atomically, and lets subscribers know. */
  protected abstract _execute(namespace: string, command: Command): Promise<Reply>;
  /** Starts a subscription: see `subscribe`. */
  protected abstract _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe>;

  /** Many reads at once; a store that has a cheaper way overrides it. */
  protected async _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: Parts,
  ): Promise<(TaskEntry | undefined)[]> {
    const entries: (TaskEntry | undefined)[] = [];
    for (let at = 0; at < taskIds.length; at += READS_AT_ONCE) {
      const some = taskIds.slice(at, at + READS_AT_ONCE);
      entries.push(
        ...(await Promise.all(some.map((taskId) => this._read(namespace, taskId, parts)))),
      );
    }
    return entries;
  }

  /** The live tasks of a scan, in the order of lists. Called where `supports.listing`. */
  protected async _list(_namespace: string, _scan: Scan): Promise<Listed[]> {
    throw unsupported('listing tasks');
  }

  /** How many live tasks there are. Called where `supports.listing`. */
  protected async _count(_namespace: string): Promise<StateCounts> {
    throw unsupported('counting tasks');
  }

  /** Waits that the store itself can hold; undefined where a hub has to watch it. */
  protected _waits(_namespace: string): TaskWaits | undefined {
    return undefined;
  }

  /** The store's clock in epoch milliseconds; this process's, unless the store has one. */
  protected _now(): number {
    return Date.now();
  }
}
