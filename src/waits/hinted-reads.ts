/**
 * A hint came: the task is read. All that are hinted at meanwhile are read in one batch, and one batch
 * runs at a time, so that what is told of a task is never older than what was told before. A hint during
 * a batch makes another. Where hints were lost, whatever may have changed is read.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';
import { isPassing, pause } from '../timing.js';
import { readInChunks } from './chunked-reads.js';

export interface HintedReadsOptions {
  /** How many tasks one call of the backend asks for. */
  readonly atOnce: number;
  /** For how long a batch gathers hints, `sinceMs` after the last one began. Default: a turn of the event loop. */
  readonly gatherMs?: (sinceMs: number) => number;
  /** How soon a batch that failed is tried again. Default: what it has not read is forgotten. */
  readonly retryMs?: number;
  /** The tasks that may have changed while hints were lost. */
  readonly onLost: () => Iterable<string> | Promise<Iterable<string>>;
  /** What a part of a batch has found; undefined for each task that is gone. */
  readonly onRead: (
    taskIds: readonly string[],
    snapshots: readonly (TaskSnapshot | undefined)[],
  ) => void | Promise<void>;
  /** Called at the end of each batch. */
  readonly onEnd?: () => void | Promise<void>;
  /** Told why a batch came to no end. */
  readonly onFailure?: (error: unknown) => void;
}

export class HintedReads {
  readonly #backend: ResultBackend;
  readonly #options: HintedReadsOptions;
  readonly #hinted = new Set<string>();
  readonly #stop = new AbortController();
  #hasLost = false;
  #isDue = false;
  #running: Promise<void> | undefined;
  #begun = 0;
  #beganAt = Number.NEGATIVE_INFINITY;

  constructor(backend: ResultBackend, options: HintedReadsOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** How many tasks were hinted at that no batch has taken yet. */
  get size(): number {
    return this.#hinted.size;
  }

  /** How many batches have begun. */
  get begun(): number {
    return this.#begun;
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  hear(taskId: string): void {
    this.#hinted.add(taskId);
    void this.read();
  }

  /** Hints were lost. Resolves when nothing is left to be read. */
  lose(): Promise<void> {
    this.#hasLost = true;
    return this.read();
  }

  /** Makes a batch of what there is, if nothing. Resolves when nothing is left to be read. */
  read(): Promise<void> {
    this.#isDue = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  forget(): void {
    this.#hinted.clear();
    this.#hasLost = false;
  }

  /** No batch begins from now on. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    let retryMs = 0;
    while (this.#isDue && !this.isStopped) {
      const gatherMs = this.#options.gatherMs?.(performance.now() - this.#beganAt) ?? 0;
      const pauseMs = Math.max(retryMs, gatherMs);
      await (pauseMs > 0 ? pause(pauseMs, this.#stop.signal) : nextTurn());
      if (!this.isStopped) retryMs = await this.#readBatch();
    }
    this.#running = undefined;
  }

  /** How soon the next one may begin, in milliseconds. */
  async #readBatch(): Promise<number> {
    const { atOnce, onLost, onRead, onEnd, onFailure, retryMs } = this.#options;
    this.#isDue = false;
    this.#begun += 1;
    this.#beganAt = performance.now();
    let taskIds: string[] | undefined;
    let at = 0;
    try {
      if (this.#hasLost) {
        this.#hasLost = false;
        for (const taskId of await onLost()) this.#hinted.add(taskId);
      }
      taskIds = [...this.#hinted];
      this.#hinted.clear();
      for await (const chunk of readInChunks(this.#backend, taskIds, atOnce)) {
        await onRead(taskIds.slice(at, at + chunk.length), chunk);
        at += chunk.length;
      }
      await onEnd?.();
    } catch (error) {
      if (this.isStopped) return 0;
      onFailure?.(error);
      if (retryMs === undefined) return 0;
      this.#isDue = true;
      // What the store refuses to be asked would be refused for ever.
      if (taskIds === undefined || !isPassing(error)) this.#hasLost = true;
      else for (const taskId of taskIds.slice(at)) this.#hinted.add(taskId);
      return retryMs;
    }
    return 0;
  }
}
