/** One replica of the service, without its HTTP: a backend and a wait hub, to be restarted. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TaskWaits } from '../../src/result-backend/task-waits.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { WaitHub } from '../../src/wait-hub.js';
import type { Schedule } from './schedule.js';
import type { Arena } from './world.js';

const STARTS_WITHIN_MS = 60_000;

export class Replica {
  readonly #arena: Arena;
  readonly #schedule: Schedule;
  #backend: ResultBackend | undefined;
  #waits: TaskWaits | undefined;
  /** Undefined where the backend holds waits by itself. */
  #hub: WaitHub | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(arena: Arena, schedule: Schedule) {
    this.#arena = arena;
    this.#schedule = schedule;
  }

  /** Undefined while it is not running. */
  get backend(): ResultBackend | undefined {
    return this.#waits === undefined ? undefined : this.#backend;
  }

  get waits(): TaskWaits | undefined {
    return this.#waits;
  }

  start(): Promise<void> {
    return this.#next(() => this.#start());
  }

  /** Shuts down in order and starts again, as a rolling restart does. */
  restart(): Promise<void> {
    return this.#next(async () => {
      await this.#stop();
      await this.#start();
    });
  }

  stop(): Promise<void> {
    return this.#next(() => this.#stop());
  }

  /** Resolves once it runs and its store takes writes. */
  async works(): Promise<void> {
    await this.#changing;
    await patiently(async () => this.#backend!.ping());
  }

  #next(change: () => Promise<void>): Promise<void> {
    this.#changing = this.#changing.then(change);
    // Whoever asked for the change is told; others may be busy elsewhere.
    this.#changing.catch(() => {});
    return this.#changing;
  }

  async #start(): Promise<void> {
    const { safetyNetMs } = this.#schedule;
    await patiently(async () => {
      this.#backend ??= await this.#arena.open(this.#schedule);
      this.#waits = this.#backend.waits();
      if (this.#waits !== undefined) return;
      const hub = new WaitHub(this.#backend, { safetyNetMs });
      await hub.start();
      this.#waits = this.#hub = hub;
    });
  }

  async #stop(): Promise<void> {
    const [backend, hub] = [this.#backend, this.#hub];
    this.#waits = undefined;
    this.#hub = undefined;
    this.#backend = undefined;
    await hub?.drain(0);
    await hub?.stop();
    if (backend !== undefined) await this.#arena.close(backend);
  }
}

/** Tries again while the store cannot be reached. */
async function patiently(attempt: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(10);
    }
  }
}
