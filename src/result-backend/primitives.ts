/**
 * The primitives: all that a concrete backend implements. They work on entries of opaque bytes, and
 * are called by the contract's public methods alone, while the backend is open, with names, sizes
 * and times to live that have been checked.
 */

import { ResultdError, unsupported } from '../errors.js';
import { loadedBytes, type ManyParts, type Parts, type TaskEntry } from '../record/entry.js';
import type { Listed, Scan, StateCounts } from '../record/listing.js';
import type { Command, Reply } from './commands.js';
import type { TaskWaits } from './task-waits.js';
import type { Listener, Supports, Unsubscribe } from './types.js';

/** A store's time-out is for one call: the last of ten thousand at once would wait for all others. */
const CALLS_AT_ONCE = 1_000;
/** How large records are shows when they are there: where their bytes are bounded, few at first. */
const FIRST_BOUNDED_READS = 16;

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
  /**
   * Many commands, in no order, each as if it were alone: its reply, or why it failed, in its place.
   * Where the store could be asked for none of those at once, the others are not tried. A store that
   * has a cheaper way overrides it.
   */
  protected async _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<readonly (Reply | Error)[]> {
    const replies: (Reply | Error)[] = [];
    while (replies.length < commands.length) {
      const some = commands.slice(replies.length, replies.length + CALLS_AT_ONCE);
      const executions = some.map((command) =>
        this._execute(namespace, command).catch((error: Error): Error => error),
      );
      const round = await Promise.all(executions);
      replies.push(...round);
      if (round.every(isUnavailable)) {
        const others = commands.length - replies.length;
        return [...replies, ...new Array<Error>(others).fill(round.at(-1)!)];
      }
    }
    return replies;
  }

  /** Starts a subscription: see `subscribe`. */
  protected abstract _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe>;

  /**
   * Many reads at once, in order, of all tasks or of the first ones up to `maxBytes`; a store that
   * has a cheaper way overrides it.
   */
  protected async _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    const { maxBytes = Number.POSITIVE_INFINITY } = parts;
    const entries: (TaskEntry | undefined)[] = [];
    let bytes = 0;
    let step = maxBytes < Number.POSITIVE_INFINITY ? FIRST_BOUNDED_READS : CALLS_AT_ONCE;
    while (entries.length < taskIds.length && bytes < maxBytes) {
      const some = taskIds.slice(entries.length, entries.length + step);
      let end = some.length;
      const reads = some.map((taskId, index) =>
        this._read(namespace, taskId, parts).then((entry) => {
          bytes += loadedBytes(entry);
          if (bytes >= maxBytes) end = Math.min(end, index + 1);
          // What is too much is dropped as it comes, so that it is never held.
          return index < end ? entry : undefined;
        }),
      );
      const found = await Promise.all(reads);
      entries.push(...found.slice(0, end));
      step = Math.min(2 * step, CALLS_AT_ONCE);
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

function isUnavailable(reply: Reply | Error): reply is ResultdError {
  return reply instanceof ResultdError && reply.code === 'store-unavailable';
}
