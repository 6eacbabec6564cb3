/**
 * Several processes on one port: starts them, replaces one that dies, and drains them together.
 *
 * It uses node:cluster, whose primary accepts the connections and hands them out in turn. Sockets
 * with SO_REUSEPORT, one in each process, would lose what waits in the backlog of one that closes,
 * leave long-lived connections unevenly spread, and need a newer Node than 20.
 */
import cluster, { type Worker } from 'node:cluster';
import { ResultdError } from '../errors.js';

/** What the primary says to a worker that shall drain and end. */
export const DRAIN = 'drain';

interface SupervisorLog {
  error(details: object, message: string): void;
}

interface SupervisorOptions {
  readonly processes: number;
  readonly log: SupervisorLog;
  /** The pause before a dead process is replaced, in milliseconds; it doubles. Default: 100. */
  readonly firstPauseMs?: number;
  /** The longest pause. Default: 30,000. */
  readonly longestPauseMs?: number;
  /** After so long a life a process's death counts as the first again. Default: 60,000. */
  readonly steadyAfterMs?: number;
}

/** The place of one process, which others may take one after another. */
interface Slot {
  worker: Worker | undefined;
  /** Whether the process serves: one that starts may not hear what it is told. */
  listens: boolean;
  startedAt: number;
  /** Deaths in a row. */
  deaths: number;
  timer: NodeJS.Timeout | undefined;
}

export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #slots: readonly Slot[];
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  #onEmpty: (() => void) | undefined;
  #hasFailed = false;

  constructor(options: SupervisorOptions) {
    this.#options = {
      firstPauseMs: 100,
      longestPauseMs: 30_000,
      steadyAfterMs: 60_000,
      ...options,
    };
    this.#slots = Array.from({ length: options.processes }, () => ({
      worker: undefined,
      listens: false,
      startedAt: 0,
      deaths: 0,
      timer: undefined,
    }));
  }

  /**
   * Starts all processes, and resolves to their address once they listen; undefined where they were
   * stopped before. Where one cannot start it ends all and rejects: a mistake is not repeated for
   * ever. The process itself has said why.
   */
  async start(): Promise<string | undefined> {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    const [first, ...others] = this.#slots;
    let address: string;
    try {
      // One goes ahead, so that what stops all of them is said once.
      address = await this.#fork(first!);
      if (this.#isStopping()) return undefined;
      await Promise.all(others.map((slot) => this.#fork(slot)));
    } catch (error) {
      if (this.#isStopping()) return undefined;
      this.kill();
      throw error;
    }
    if (this.#isStopping()) return undefined;
    this.#state = 'running';
    // One that has died while the others started.
    for (const slot of this.#slots) if (slot.worker === undefined) this.#replace(slot);
    return address;
  }

  /** Drains all processes and resolves when they have ended; rejects where one did not end well. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    for (const { worker, listens, timer } of this.#slots) {
      clearTimeout(timer);
      // Before it handles signals this ends it, later it drains it.
      if (!listens) worker?.process.kill('SIGTERM');
      // One that is about to end has no channel any more: its end is seen all the same.
      else if (worker?.isConnected() === true) worker.send(DRAIN, () => {});
    }
    if (this.#slots.some(({ worker }) => worker !== undefined)) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    if (this.#hasFailed) throw new ResultdError('internal', 'a process did not end well');
  }

  /** Ends all processes at once. */
  kill(): void {
    this.#state = 'stopping';
    for (const { worker, timer } of this.#slots) {
      clearTimeout(timer);
      worker?.process.kill('SIGKILL');
    }
  }

  #isStopping(): boolean {
    return this.#state === 'stopping';
  }

  /** Resolves to its address when the process listens; rejects where it ends before. */
  #fork(slot: Slot): Promise<string> {
    const worker = cluster.fork();
    slot.worker = worker;
    slot.listens = false;
    slot.startedAt = performance.now();
    return new Promise((resolve, reject) => {
      worker.once('listening', ({ address, port }) => {
        slot.listens = true;
        resolve(`http://${address.includes(':') ? `[${address}]` : address}:${port}`);
      });
      worker.once('exit', (code, signal) => {
        slot.worker = undefined;
        reject(new ResultdError('internal', `a process did not start (${signal ?? code})`));
        this.#ended(slot, worker, { code, signal });
      });
    });
  }

  #ended(slot: Slot, { process: { pid } }: Worker, how: { code: number; signal: string }): void {
    if (this.#state === 'running') {
      const details = { ...how, processId: pid, pauseMs: this.#replace(slot) };
      this.#options.log.error(details, 'a process has ended, and is replaced');
      return;
    }
    if (how.code !== 0 && slot.listens) this.#hasFailed = true;
    if (this.#slots.every(({ worker }) => worker === undefined)) this.#onEmpty?.();
  }

  /** Starts another process after a pause, which it returns. */
  #replace(slot: Slot): number {
    const { firstPauseMs, longestPauseMs, steadyAfterMs } = this.#options;
    if (performance.now() - slot.startedAt >= steadyAfterMs) slot.deaths = 0;
    const pauseMs = Math.min(firstPauseMs * 2 ** slot.deaths, longestPauseMs);
    slot.deaths += 1;
    slot.timer = setTimeout(() => {
      // One that cannot start has ended, and is replaced as such.
      this.#fork(slot).catch(() => {});
    }, pauseMs);
    return pauseMs;
  }
}
