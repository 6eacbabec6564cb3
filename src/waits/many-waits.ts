/**
 * Waits for many tasks at once, for the wait hub: each is one parked waiter, with a small record for
 * each task that is not ready.
 *
 * A wait reads all of its tasks when it begins and, to be sure, when enough of them have been seen
 * ready: the answer is what one read found, so a task that was ready and has been removed since is
 * pending again. In between, only tasks that something is heard of are read.
 */

import type { ResultdError } from '../errors.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ManyWait, ManyWaitRequest, ManyWaitResult } from '../result-backend/task-waits.js';
import type { ResultBackend } from '../result-backend.js';
import { readInChunks } from './chunked-reads.js';
import { HintedReads } from './hinted-reads.js';

/** Why the next read ends a wait whatever it finds; an error where there was no room to park. */
type Ending = 'timeout' | 'draining' | ResultdError;

interface Parking {
  readonly ending: Ending | undefined;
  readonly timeoutMs: number;
  /** Called once, when the waiter goes. */
  readonly onLeave: () => void;
}

interface ManyWaiter {
  readonly taskIds: readonly string[];
  readonly target: number;
  /** The tasks that have not been seen ready. */
  readonly pending: Set<string>;
  readonly registeredAt: number;
  readonly resolve: (result: ManyWaitResult) => void;
  readonly reject: (error: unknown) => void;
  readonly onLeave: () => void;
  ending: Ending | undefined;
  isReading: boolean;
  /** Its first read is done. */
  isParked: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Tasks in one read. */
const BATCH = 1_000;
/** How many bytes of progress the answer of one wait keeps. */
const KEPT_BYTES = 4 * 1_024 * 1_024;

type Ready = Map<string, TaskSnapshot | undefined>;

export class ManyWaits {
  readonly #backend: ResultBackend;
  readonly #waiters = new Set<ManyWaiter>();
  /** Who waits for a task. */
  readonly #byTask = new Map<string, Set<ManyWaiter>>();
  readonly #reads: HintedReads;

  /** `onFailure` is told that a read has failed whose waiters are still parked. */
  constructor(backend: ResultBackend, onFailure: () => void) {
    this.#backend = backend;
    this.#reads = new HintedReads(backend, {
      atOnce: BATCH,
      onLost: () => this.#byTask.keys(),
      onRead: (_, snapshots) => this.#see(snapshots),
      onFailure,
    });
  }

  park(request: ManyWaitRequest, { ending, timeoutMs, onLeave }: Parking): ManyWait {
    let waiter: ManyWaiter | undefined;
    const result = new Promise<ManyWaitResult>((resolve, reject) => {
      waiter = {
        taskIds: [...new Set(request.taskIds)],
        target: request.target,
        pending: new Set(),
        registeredAt: this.#reads.begun,
        resolve,
        reject,
        onLeave,
        ending,
        isReading: false,
        isParked: false,
        timer: undefined,
      };
    });
    const parked = waiter!;
    this.#waiters.add(parked);
    parked.timer = setTimeout(() => this.#end(parked, 'timeout'), timeoutMs);
    void this.#read(parked);
    return { result, cancel: () => this.#leave(parked) };
  }

  hear(taskId: string): void {
    if (this.#byTask.has(taskId)) this.#reads.hear(taskId);
  }

  /** Reads every task that is waited for. */
  hearAll(): Promise<void> {
    return this.#reads.lose();
  }

  /** What answers each of those who wait, with the present state. */
  *drains(): Generator<() => void> {
    for (const waiter of [...this.#waiters]) yield () => this.#end(waiter, 'draining');
  }

  #end(waiter: ManyWaiter, ending: Ending): void {
    if (!this.#waiters.has(waiter)) return;
    waiter.ending ??= ending;
    void this.#read(waiter);
  }

  /** Reads all tasks of a wait, and ends it where they are ready or its time is up. */
  async #read(waiter: ManyWaiter): Promise<void> {
    if (waiter.isReading) return;
    waiter.isReading = true;
    try {
      do {
        for (const taskId of waiter.taskIds) this.#watch(waiter, taskId);
        const ready = await this.#readyOf(waiter);
        if (this.#settle(waiter, ready)) return;
        for (const taskId of ready.keys()) this.#unwatch(waiter, taskId);
        // What was heard of during the read may be enough: then it takes another one to be sure.
      } while (hasEnough(waiter));
      waiter.isParked = true;
    } catch (error) {
      this.#fail(waiter, error);
    } finally {
      waiter.isReading = false;
    }
  }

  /** Who needs the answer now is told; another waits on, and the safety net reads all its tasks. */
  #fail(waiter: ManyWaiter, error: unknown): void {
    if (!this.#waiters.has(waiter)) return;
    if (waiter.isParked && waiter.ending === undefined) {
      for (const taskId of waiter.taskIds) this.#watch(waiter, taskId);
    } else {
      this.#leave(waiter);
      waiter.reject(error);
    }
  }

  async #readyOf({ taskIds }: ManyWaiter): Promise<Ready> {
    const ready: Ready = new Map();
    let bytes = 0;
    for await (const chunk of readInChunks(this.#backend, taskIds, BATCH)) {
      for (const snapshot of chunk) {
        if (snapshot?.ready !== true) continue;
        bytes += snapshot.heldBytes;
        ready.set(snapshot.taskId, bytes > KEPT_BYTES ? undefined : snapshot);
      }
    }
    return ready;
  }

  /** Whether the wait has ended. */
  #settle(waiter: ManyWaiter, ready: Ready): boolean {
    const { target, ending } = waiter;
    const isComplete = ready.size >= target;
    if (!isComplete && ending === undefined) return !this.#waiters.has(waiter);
    if (!this.#leave(waiter)) return true;
    if (isComplete || typeof ending === 'string') {
      waiter.resolve({ isComplete, isDraining: ending === 'draining', ready });
    } else {
      waiter.reject(ending);
    }
    return true;
  }

  /** What a read of tasks has found that something was heard of. */
  #see(snapshots: readonly (TaskSnapshot | undefined)[]): void {
    for (const snapshot of snapshots) {
      if (snapshot?.ready !== true) continue;
      const { taskId } = snapshot;
      for (const waiter of this.#byTask.get(taskId) ?? []) {
        if (waiter.registeredAt >= this.#reads.begun) continue;
        this.#unwatch(waiter, taskId);
        if (hasEnough(waiter)) void this.#read(waiter);
      }
    }
  }

  #watch(waiter: ManyWaiter, taskId: string): void {
    waiter.pending.add(taskId);
    const waiters = this.#byTask.get(taskId);
    if (waiters === undefined) this.#byTask.set(taskId, new Set([waiter]));
    else waiters.add(waiter);
  }

  #unwatch(waiter: ManyWaiter, taskId: string): void {
    waiter.pending.delete(taskId);
    const waiters = this.#byTask.get(taskId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byTask.delete(taskId);
  }

  /** The one place where a waiter, its timer and its records go. */
  #leave(waiter: ManyWaiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    clearTimeout(waiter.timer);
    for (const taskId of waiter.taskIds) this.#unwatch(waiter, taskId);
    waiter.onLeave();
    return true;
  }
}

function hasEnough({ taskIds, pending, target }: ManyWaiter): boolean {
  return taskIds.length - pending.size >= target;
}
