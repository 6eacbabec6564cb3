/**
 * What becomes of tasks, for a display: the backend's hints say which tasks to read, and all that were
 * hinted at are read in one batch, at most ten times a second. Where hints were lost, what is known and
 * what was written since is read again.
 */

import type { TaskSnapshot } from '../record/snapshot.js';
import type { Notification, ResultBackend, Unsubscribe } from '../result-backend.js';
import { HintedReads } from '../waits/hinted-reads.js';
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
  readonly #reads: HintedReads;
  /** Versions by task, the last changed last. */
  readonly #known = new Map<string, string>();
  #latestAt = 0;
  #isInTrouble = false;
  #unsubscribe: Unsubscribe | undefined;

  constructor(backend: ResultBackend, options: TaskFeedOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#wanted = options.taskIds.length === 0 ? undefined : new Set(options.taskIds);
    this.#reads = new HintedReads(backend, {
      atOnce: BATCH,
      gatherMs: () => EVERY_MS,
      retryMs: RETRY_MS,
      onLost: () => this.#mayHaveChanged(),
      onRead: (taskIds, snapshots) => this.#found(taskIds, snapshots),
      onEnd: () => this.#inTrouble(undefined),
      onFailure: (error) => this.#inTrouble(error as Error),
    });
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
    this.#reads.stop();
    await this.#unsubscribe?.();
  }

  #hear(notification: Notification): void {
    if ('lost' in notification) void this.#reads.lose();
    else if (this.#wanted?.has(notification.taskId) !== false) {
      this.#reads.hear(notification.taskId);
    }
  }

  #inTrouble(error: Error | undefined): void {
    if (error !== undefined || this.#isInTrouble) this.#options.onTrouble(error);
    this.#isInTrouble = error !== undefined;
  }

  /** Whatever may have changed while hints were lost: what is known, and what is new. */
  async #mayHaveChanged(): Promise<string[]> {
    const snapshots = await this.#readAll(this.#latestAt - 1);
    return [...this.#known.keys(), ...snapshots.map(({ taskId }) => taskId).reverse()];
  }

  /** Tells of the tasks that are not as they were when they were last told of. */
  async #found(
    taskIds: readonly string[],
    snapshots: readonly (TaskSnapshot | undefined)[],
  ): Promise<void> {
    const isNews = (_: unknown, at: number): boolean =>
      this.#known.get(taskIds[at]!) !== snapshots[at]?.version;
    const changed = snapshots.filter(isNews).filter((snapshot) => snapshot !== undefined);
    const tasks = new Map((await this.#shown(changed)).map((task) => [task.snapshot.taskId, task]));
    if (this.#reads.isStopped) return;
    for (const taskId of taskIds.filter(isNews)) this.#tell({ taskId, task: tasks.get(taskId) });
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
