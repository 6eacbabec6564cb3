/**
 * What becomes of tasks, for a display: the backend's hints say which tasks to read, and all that were
 * hinted at are read in one batch, at most ten times a second. Where hints were lost, what is known and
 * what was written since is read again.
 */

import type { TaskSnapshot } from '../record/snapshot.js';
import type { Notification, ResultBackend, Unsubscribe } from '../result-backend.js';
import { withoutReasons, withReasons } from './failures.js';
import type { ShownTask } from './task-lines.js';

/** One task as it is now; undefined where it is gone. */
export interface Change {
  readonly taskId: string;
  readonly task: ShownTask | undefined;
}

interface TaskFeedOptions {
  /** Only these; all where there is none. */
  readonly taskIds: readonly string[];
  /** Whether it is read why a task failed. */
  readonly hasReasons: boolean;
  onChange(change: Change): void;
  /** Told that the tasks cannot be asked for, and with undefined that they can again. */
  onTrouble(error: Error | undefined): void;
}

const EVERY_MS = 100;
const RETRY_MS = 1_000;
/** How many tasks one read asks for. */
const BATCH = 500;
/** How many tasks are known by their versions: those that changed last. */
const MOST_KNOWN = 10_000;
/** How many tasks are listed at the start, and after hints were lost. */
const LISTED = 1_000;

export class TaskFeed {
  readonly #backend: ResultBackend;
  readonly #options: TaskFeedOptions;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #hinted = new Set<string>();
  /** Versions by task, the last changed last. */
  readonly #known = new Map<string, string>();
  #latestAt = 0;
  #hasLost = false;
  #isReading = false;
  #hasStopped = false;
  #isInTrouble = false;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: Unsubscribe | undefined;

  constructor(backend: ResultBackend, options: TaskFeedOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#wanted = options.taskIds.length === 0 ? undefined : new Set(options.taskIds);
  }

  /**
   * Listens, and resolves to the tasks as they are: those that are wanted, or the latest of all, the
   * last changed first. Every later change is told. Rejects where the backend cannot be asked.
   */
  async start(): Promise<readonly ShownTask[]> {
    this.#unsubscribe = await this.#backend.subscribe((notification) => this.#hear(notification));
    const snapshots = await this.#readAll();
    const shown = await this.#shown(snapshots);
    for (const snapshot of [...snapshots].reverse()) this.#learn(snapshot);
    return shown;
  }

  async stop(): Promise<void> {
    this.#hasStopped = true;
    clearTimeout(this.#timer);
    await this.#unsubscribe?.();
  }

  #hear(notification: Notification): void {
    if ('lost' in notification) this.#hasLost = true;
    else if (this.#wanted?.has(notification.taskId) === false) return;
    else this.#hinted.add(notification.taskId);
    this.#arm(EVERY_MS);
  }

  #arm(inMs: number): void {
    if (this.#timer !== undefined || this.#isReading || this.#hasStopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#read();
    }, inMs);
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    let isWell = true;
    try {
      if (this.#hasLost) await this.#readAgain();
      await this.#readHinted();
    } catch (error) {
      isWell = false;
      this.#isInTrouble = true;
      if (!this.#hasStopped) this.#options.onTrouble(error as Error);
    }
    this.#isReading = false;
    if (isWell && this.#isInTrouble) {
      this.#isInTrouble = false;
      this.#options.onTrouble(undefined);
    }
    if (this.#hinted.size > 0 || this.#hasLost) this.#arm(isWell ? EVERY_MS : RETRY_MS);
  }

  /** Whatever may have changed while hints were lost: what is known, and what is new. */
  async #readAgain(): Promise<void> {
    const since = this.#latestAt - 1;
    this.#hasLost = false;
    try {
      const snapshots = await this.#readAll(since);
      for (const taskId of this.#known.keys()) this.#hinted.add(taskId);
      for (const { taskId } of [...snapshots].reverse()) this.#hinted.add(taskId);
    } catch (error) {
      this.#hasLost = true;
      throw error;
    }
  }

  async #readHinted(): Promise<void> {
    for (;;) {
      const ids = [...this.#hinted].slice(0, BATCH);
      if (ids.length === 0) return;
      for (const taskId of ids) this.#hinted.delete(taskId);
      let changes: readonly Change[];
      try {
        changes = await this.#changesOf(ids);
      } catch (error) {
        for (const taskId of ids) this.#hinted.add(taskId);
        throw error;
      }
      if (this.#hasStopped) return;
      for (const change of changes) this.#tell(change);
    }
  }

  /** The tasks of these that are not as they were when they were last told of. */
  async #changesOf(ids: readonly string[]): Promise<Change[]> {
    const snapshots = await this.#backend.getMany(ids);
    const isNews = (taskId: string, version: string | undefined): boolean =>
      this.#known.get(taskId) !== version;
    const changed = snapshots.filter(
      (snapshot) => snapshot !== undefined && isNews(snapshot.taskId, snapshot.version),
    ) as TaskSnapshot[];
    const tasks = new Map((await this.#shown(changed)).map((task) => [task.snapshot.taskId, task]));
    return ids
      .filter((taskId, at) => isNews(taskId, snapshots[at]?.version))
      .map((taskId) => ({ taskId, task: tasks.get(taskId) }));
  }

  async #shown(snapshots: readonly TaskSnapshot[]): Promise<ShownTask[]> {
    if (!this.#options.hasReasons) return withoutReasons(snapshots);
    return withReasons(this.#backend, snapshots);
  }

  async #readAll(updatedAfter?: number): Promise<readonly TaskSnapshot[]> {
    if (this.#wanted !== undefined) {
      const snapshots = await this.#backend.getMany([...this.#wanted]);
      return snapshots.filter((snapshot) => snapshot !== undefined);
    }
    if (!this.#backend.supports.listing) return [];
    return (await this.#backend.list({ limit: LISTED, updatedAfter })).items;
  }

  #tell(change: Change): void {
    if (change.task === undefined) this.#known.delete(change.taskId);
    else this.#learn(change.task.snapshot);
    this.#options.onChange(change);
  }

  #learn({ taskId, version, updatedAt }: TaskSnapshot): void {
    this.#known.delete(taskId);
    this.#known.set(taskId, version);
    this.#latestAt = Math.max(this.#latestAt, updatedAt);
    if (this.#known.size > MOST_KNOWN) {
      const [oldest = ''] = this.#known.keys();
      this.#known.delete(oldest);
    }
  }
}
