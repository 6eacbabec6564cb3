/**
 * The reference backend: everything in this process's memory, gone with it.
 *
 * Each command is one turn of the event loop: load, `decide`, store, notify. Expired entries are
 * swept by a timer that looks only at what has come due. With `maxStoredResults`, the task whose
 * outcome was written first goes first.
 */

import { invalidParameter } from '../../errors.js';
import { entryExpiresAt, type ManyParts, readUpTo, type TaskEntry } from '../../record/entry.js';
import {
  countAll,
  type Listed,
  type Scan,
  type StateCounts,
  scanAll,
} from '../../record/listing.js';
import type { Command, Reply } from '../../result-backend/commands.js';
import { type Consumed, type Decision, decide } from '../../result-backend/decide.js';
import { Listeners } from '../../result-backend/listeners.js';
import {
  type Listener,
  ResultBackend,
  type ResultBackendOptions,
  type Supports,
  type Unsubscribe,
} from '../../result-backend.js';
import { type Expiring, ExpiryWheel, SLOT_MS } from './expiry-wheel.js';

export interface MemoryBackendOptions extends ResultBackendOptions {
  /** At most so many outcomes are kept, the oldest out first. Default: unlimited. */
  readonly maxStoredResults?: number;
}

/** One task's place in memory. It stays while the task has an entry or a remembered consume. */
interface Slot extends Expiring {
  readonly space: Map<string, Slot>;
  readonly namespace: string;
  readonly taskId: string;
  entry: TaskEntry | undefined;
  consumed: readonly Consumed[];
}

const NOTHING: readonly Consumed[] = [];

export class MemoryBackend extends ResultBackend {
  readonly supports: Supports = { durable: false, shared: false, namespaces: true, listing: true };
  readonly #spaces = new Map<string, Map<string, Slot>>();
  readonly #listeners = new Listeners();
  readonly #expiry = new ExpiryWheel<Slot>(Date.now());
  /** Slots that hold an outcome, the oldest outcome first; kept only where there is a bound. */
  readonly #byAge = new Set<Slot>();
  #oldest = this.#byAge.values();
  readonly #maxStoredResults: number;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: MemoryBackendOptions = {}) {
    super(options);
    this.#maxStoredResults = options.maxStoredResults ?? Number.POSITIVE_INFINITY;
    if (!(this.#maxStoredResults >= 1)) {
      throw invalidParameter(`max_stored_results is ${this.#maxStoredResults}: it must be above 0`);
    }
  }

  /** How many tasks are held, the expired ones that are not swept yet included. */
  get storedTasks(): number {
    let count = 0;
    for (const space of this.#spaces.values()) count += space.size;
    return count;
  }

  protected async _startup(): Promise<void> {
    this.#sweeper = setInterval(() => this.#sweep(), SLOT_MS).unref();
  }

  protected async _shutdown(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#spaces.clear();
    this.#byAge.clear();
    this.#listeners.clear();
  }

  protected async _ping(): Promise<void> {}

  protected async _read(namespace: string, taskId: string): Promise<TaskEntry | undefined> {
    return this.#spaces.get(namespace)?.get(taskId)?.entry;
  }

  protected override async _readMany(
    namespace: string,
    taskIds: readonly string[],
    { maxBytes = Number.POSITIVE_INFINITY }: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    const space = this.#spaces.get(namespace);
    return readUpTo(maxBytes, taskIds, (taskId) => space?.get(taskId)?.entry);
  }

  protected async _execute(namespace: string, command: Command): Promise<Reply> {
    return this.#carryOut(namespace, command);
  }

  protected override async _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    return commands.map((command) => this.#carryOut(namespace, command));
  }

  #carryOut(namespace: string, command: Command): Reply {
    const slot = this.#slot(namespace, command.taskId);
    const decision = decide(command, slot, Date.now());
    this.#apply(slot, decision);
    return decision;
  }

  protected async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#listeners.add(namespace, listener);
  }

  protected override async _list(namespace: string, scan: Scan): Promise<Listed[]> {
    return scanAll(this.#spaces.get(namespace)?.values() ?? [], scan, Date.now());
  }

  protected override async _count(namespace: string): Promise<StateCounts> {
    const space = this.#spaces.get(namespace);
    return countAll(space === undefined ? [] : entriesOf(space), Date.now());
  }

  /** The task's slot; a fresh one, not yet in its space, where it has none. */
  #slot(namespace: string, taskId: string): Slot {
    let space = this.#spaces.get(namespace);
    if (space === undefined) {
      space = new Map();
      this.#spaces.set(namespace, space);
    }
    return (
      space.get(taskId) ?? {
        space,
        namespace,
        taskId,
        entry: undefined,
        consumed: NOTHING,
        expiresAt: 0,
        wheelSlot: undefined,
      }
    );
  }

  #apply(slot: Slot, { write, remember }: Decision): void {
    if (write === undefined && remember === undefined) return;
    const before = slot.entry;
    if (write !== undefined) slot.entry = write === null ? undefined : compact(write);
    if (remember !== undefined) slot.consumed = remember;
    this.#place(slot);
    if (write === undefined) return;
    if (slot.entry?.body !== before?.body) this.#age(slot);
    this.#listeners.changed(slot.namespace, slot.taskId, slot.entry);
  }

  /** Puts a changed slot where it belongs: into its space and the wheel, or out of both. */
  #place(slot: Slot): void {
    const { space, taskId, entry, consumed } = slot;
    if (entry === undefined && consumed.length === 0) {
      this.#expiry.remove(slot);
      space.delete(taskId);
      return;
    }
    slot.expiresAt = entry === undefined ? 0 : entryExpiresAt(entry);
    for (const past of consumed) slot.expiresAt = Math.max(slot.expiresAt, past.expiresAt);
    space.set(taskId, slot);
    this.#expiry.update(slot);
  }

  /** Makes the slot's outcome the youngest one, and evicts the oldest where there are too many. */
  #age(slot: Slot): void {
    if (this.#maxStoredResults === Number.POSITIVE_INFINITY) return;
    this.#byAge.delete(slot);
    if (slot.entry?.outcome === undefined) return;
    this.#byAge.add(slot);
    if (this.#byAge.size <= this.#maxStoredResults) return;
    const oldest = this.#takeOldest();
    this.#apply(oldest, { verdict: 'done', entry: undefined, write: null, remember: NOTHING });
  }

  /**
   * One iterator is kept over the set: a new one would have to skip all that was deleted before.
   * A set's iterator also sees what is added after it was made.
   */
  #takeOldest(): Slot {
    let next = this.#oldest.next();
    if (next.done === true) {
      this.#oldest = this.#byAge.values();
      next = this.#oldest.next();
    }
    return next.value as Slot;
  }

  #sweep(): void {
    for (const slot of this.#expiry.takeDue(Date.now())) {
      this.#byAge.delete(slot);
      slot.space.delete(slot.taskId);
    }
  }
}

function* entriesOf(space: ReadonlyMap<string, Slot>): Generator<TaskEntry | undefined> {
  for (const { entry } of space.values()) yield entry;
}

/** The entry with bytes of its own: a slice of a shared buffer would keep all of it alive. */
function compact(entry: TaskEntry): TaskEntry {
  const body = ownBytes(entry.body);
  const log = ownBytes(entry.log);
  const progress = ownBytes(entry.progress);
  if (body === entry.body && log === entry.log && progress === entry.progress) return entry;
  return { ...entry, body, log, progress };
}

function ownBytes(bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined || bytes.length === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
