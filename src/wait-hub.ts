/**
 * The wait hub: parks callers until a task changes, over any result backend.
 *
 * Register the waiter, read, park; on a wake, read again. A notification is a hint: it wakes, and
 * the answer comes from a read that began after it. There is one read for each task and change,
 * however many wait for it. What hints may miss, a batched re-read makes up for: at once after
 * `lost`, and every 10 to 15 s as a safety net. A parked waiter holds no thread and no connection.
 */
import * as errors from './errors.js';
import type { Notification, ResultBackend, Unsubscribe } from './result-backend.js';
import { HEAD_ONLY, type Parts, WITH_BODY, WITH_LOG } from './task-entry.js';
import type { TaskSnapshot } from './task-snapshot.js';

export interface WaitHubOptions {
  /** The longest a waiter is parked, in milliseconds; longer ones are clamped. Default: 55,000. */
  readonly maxWaitMs?: number;
  /** How many waiters may be parked in all. Default: 20,000. */
  readonly maxWaiters?: number;
  /** How many waiters one caller may have parked. Default: 10,000. */
  readonly maxWaitersPerCaller?: number;
  /** The shortest time between two re-reads of all parked tasks. Default: 10,000. */
  readonly safetyNetMs?: number;
}

export interface WaitRequest {
  readonly taskId: string;
  /** What the answer needs of the task. */
  readonly parts: Parts;
  /** Milliseconds. It is shortened at random by up to 1/16, so that waiters do not end in a herd. */
  readonly timeoutMs: number;
  /**
   * Undefined: wait until the task is ready. Else: until its version is none of these (a version is
   * an ETag without quotes).
   */
  readonly knownVersions?: readonly string[] | undefined;
  /** Who waits, for the limit on each caller. */
  readonly caller: string;
}

/**
 * What a wait ended with.
 * - `done`: what was waited for has come.
 * - `removed`: the task was known when the waiter was parked, and is gone.
 * - `timeout`: time is up; the snapshot is what an immediate read gives.
 * - `draining`: this process is shutting down; the snapshot is the present state.
 */
export interface WaitResult {
  readonly reason: 'done' | 'removed' | 'timeout' | 'draining';
  readonly snapshot: TaskSnapshot | undefined;
}

/** A wait that can be given up: its caller has gone. */
export interface Wait {
  readonly result: Promise<WaitResult>;
  /** Leaves nothing behind; `result` never settles. Safe to call at any time, and again. */
  cancel(): void;
}

/** One parked caller. */
interface Waiter {
  readonly request: WaitRequest;
  readonly resolve: (result: WaitResult) => void;
  readonly reject: (error: unknown) => void;
  /** Only reads that began later may answer it. */
  readonly registeredAt: number;
  /** Whether the first read found the task; undefined before it. */
  wasKnown: boolean | undefined;
  /** Set where the next read ends the wait whatever it finds. */
  ending: 'timeout' | 'draining' | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** All who wait for one task. */
interface Topic {
  readonly taskId: string;
  readonly waiters: Set<Waiter>;
  isReading: boolean;
  readAgain: boolean;
}

/** How many tasks one batched re-read asks for. */
const BATCH = 500;

export class WaitHub {
  readonly maxWaitMs: number;
  readonly #backend: ResultBackend;
  readonly #options: Required<WaitHubOptions>;
  readonly #topics = new Map<string, Topic>();
  readonly #callers = new Map<string, number>();
  #parked = 0;
  /** Counts reads and registrations, so that their order is known. */
  #clock = 0;
  #isDraining = false;
  #isReReading = false;
  #reReadAgain = false;
  #safetyNet: NodeJS.Timeout | undefined;
  #unsubscribe: Unsubscribe | undefined;

  constructor(backend: ResultBackend, options: WaitHubOptions = {}) {
    this.#backend = backend;
    this.#options = {
      maxWaitMs: options.maxWaitMs ?? 55_000,
      maxWaiters: options.maxWaiters ?? 20_000,
      maxWaitersPerCaller: options.maxWaitersPerCaller ?? 10_000,
      safetyNetMs: options.safetyNetMs ?? 10_000,
    };
    this.maxWaitMs = this.#options.maxWaitMs;
  }

  /** Waiters parked now. */
  get parked(): number {
    return this.#parked;
  }

  /** Starts to listen; the backend must be started. Resolves once the subscription is live. */
  async start(): Promise<void> {
    this.#unsubscribe = await this.#backend.subscribe((notification) => this.#hear(notification));
    this.#armSafetyNet();
  }

  /** Stops listening. Drain first. */
  async stop(): Promise<void> {
    clearTimeout(this.#safetyNet);
    await this.#unsubscribe?.();
  }

  /**
   * Waits for a task. The result rejects with `store-unavailable` where the store cannot be asked at
   * the start or at the end; in between, a parked waiter lives through it. Throws
   * `too-many-waiters` and `too-many-waiters-for-caller` beyond the limits.
   */
  wait(request: WaitRequest): Wait {
    this.#checkLimits(request.caller);
    let waiter: Waiter | undefined;
    const result = new Promise<WaitResult>((resolve, reject) => {
      waiter = {
        request,
        resolve,
        reject,
        registeredAt: this.#clock,
        wasKnown: undefined,
        ending: this.#isDraining ? 'draining' : undefined,
        timer: undefined,
      };
    });
    const parked = waiter!;
    this.#park(parked);
    return { result, cancel: () => this.#leave(parked) };
  }

  /**
   * Answers every waiter with the present state, spread evenly over `durationMs`; later ones are
   * answered at once. Resolves when nobody is parked.
   */
  async drain(durationMs: number): Promise<void> {
    this.#isDraining = true;
    const topics = [...this.#topics.values()];
    const started = Date.now();
    for (const [index, topic] of topics.entries()) {
      const due = started + (durationMs * index) / topics.length;
      if (due > Date.now()) await delay(due - Date.now());
      for (const waiter of topic.waiters) waiter.ending ??= 'draining';
      this.#refresh(topic);
    }
    while (this.#parked > 0) await delay(10);
  }

  #checkLimits(caller: string): void {
    const { maxWaiters, maxWaitersPerCaller } = this.#options;
    if (this.#parked >= maxWaiters) throw errors.tooManyWaiters(maxWaiters);
    if ((this.#callers.get(caller) ?? 0) >= maxWaitersPerCaller) {
      throw errors.tooManyWaitersForCaller(caller, maxWaitersPerCaller);
    }
  }

  #park(waiter: Waiter): void {
    const { taskId, caller, timeoutMs } = waiter.request;
    let topic = this.#topics.get(taskId);
    if (topic === undefined) {
      topic = { taskId, waiters: new Set(), isReading: false, readAgain: false };
      this.#topics.set(taskId, topic);
    }
    topic.waiters.add(waiter);
    this.#parked += 1;
    this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1);
    const wait = Math.min(timeoutMs, this.maxWaitMs);
    waiter.timer = setTimeout(
      () => this.#expire(waiter),
      Math.max(1, Math.round(wait * (1 - Math.random() / 16))),
    );
    this.#refresh(topic);
  }

  /** The one place where a waiter, its timer and its counts go. */
  #leave(waiter: Waiter): boolean {
    const { taskId, caller } = waiter.request;
    const topic = this.#topics.get(taskId);
    if (topic?.waiters.delete(waiter) !== true) return false;
    clearTimeout(waiter.timer);
    if (topic.waiters.size === 0) this.#topics.delete(taskId);
    this.#parked -= 1;
    const left = this.#callers.get(caller)! - 1;
    if (left === 0) this.#callers.delete(caller);
    else this.#callers.set(caller, left);
    return true;
  }

  #expire(waiter: Waiter): void {
    const topic = this.#topics.get(waiter.request.taskId);
    if (topic?.waiters.has(waiter) !== true) return;
    waiter.ending = 'timeout';
    this.#refresh(topic);
  }

  #hear(notification: Notification): void {
    if ('lost' in notification) {
      void this.#reReadAll();
      return;
    }
    const topic = this.#topics.get(notification.taskId);
    if (topic !== undefined) this.#refresh(topic);
  }

  /** Reads a task for those who wait for it. One that is being read already is read again after. */
  #refresh(topic: Topic): void {
    if (topic.isReading) topic.readAgain = true;
    else void this.#read(topic);
  }

  async #read(topic: Topic): Promise<void> {
    topic.isReading = true;
    do {
      topic.readAgain = false;
      this.#clock += 1;
      const beganAt = this.#clock;
      try {
        const snapshot = await this.#backend.get(topic.taskId, partsFor(topic));
        this.#settle(topic, snapshot, beganAt);
      } catch (error) {
        this.#fail(topic, error, beganAt);
      }
    } while (topic.readAgain && topic.waiters.size > 0);
    topic.isReading = false;
  }

  #settle(topic: Topic, snapshot: TaskSnapshot | undefined, beganAt: number): void {
    for (const waiter of topic.waiters) {
      if (waiter.registeredAt >= beganAt) continue;
      const reason = reasonToEnd(waiter, snapshot);
      waiter.wasKnown ??= snapshot !== undefined;
      if (reason !== undefined && this.#leave(waiter)) waiter.resolve({ reason, snapshot });
    }
  }

  /** The store could not be asked: who needs the answer now is told so; the others stay parked. */
  #fail(topic: Topic, error: unknown, beganAt: number): void {
    for (const waiter of topic.waiters) {
      if (waiter.registeredAt >= beganAt) continue;
      const isParked = waiter.wasKnown !== undefined && waiter.ending === undefined;
      if (!isParked && this.#leave(waiter)) waiter.reject(error);
    }
  }

  #armSafetyNet(): void {
    const delayMs = this.#options.safetyNetMs * (1 + Math.random() / 2);
    this.#safetyNet = setTimeout(() => {
      void this.#reReadAll().finally(() => this.#armSafetyNet());
    }, delayMs).unref();
  }

  /**
   * Re-reads all parked tasks, in batches; a failure is made up for by the next round. Asked for
   * while it runs, it runs again: what it has read already may be from before.
   */
  async #reReadAll(): Promise<void> {
    this.#reReadAgain = true;
    if (this.#isReReading) return;
    this.#isReReading = true;
    while (this.#reReadAgain) {
      this.#reReadAgain = false;
      const topics = [...this.#topics.values()];
      for (let at = 0; at < topics.length; at += BATCH) {
        await this.#reReadBatch(topics.slice(at, at + BATCH));
      }
    }
    this.#isReReading = false;
  }

  async #reReadBatch(topics: readonly Topic[]): Promise<void> {
    this.#clock += 1;
    const beganAt = this.#clock;
    const ids = topics.map((topic) => topic.taskId);
    const snapshots = await this.#backend.getMany(ids).catch(() => undefined);
    if (snapshots === undefined) return;
    for (const [index, topic] of topics.entries()) {
      const snapshot = snapshots[index];
      // What ends a wait needs its parts: only such a task is read whole.
      if ([...topic.waiters].some((waiter) => endsWith(waiter, snapshot, beganAt))) {
        this.#refresh(topic);
      }
    }
  }
}

function endsWith(waiter: Waiter, snapshot: TaskSnapshot | undefined, beganAt: number): boolean {
  return waiter.registeredAt < beganAt && reasonToEnd(waiter, snapshot) !== undefined;
}

/** Why this snapshot ends the wait; undefined where it goes on. */
function reasonToEnd(
  { request, wasKnown, ending }: Waiter,
  snapshot: TaskSnapshot | undefined,
): WaitResult['reason'] | undefined {
  const { knownVersions } = request;
  if (snapshot === undefined) {
    if (wasKnown === true) return 'removed';
    // A client that names a version has known the task: there is nothing to wait for.
    if (wasKnown === undefined && knownVersions !== undefined) return 'done';
    return ending;
  }
  if (knownVersions === undefined) return snapshot.ready ? 'done' : ending;
  return knownVersions.includes(snapshot.version) ? ending : 'done';
}

/** The parts that any of those who wait for the task needs. */
function partsFor(topic: Topic): Parts {
  let parts = HEAD_ONLY;
  for (const { request } of topic.waiters) {
    if (request.parts.log) return WITH_LOG;
    if (request.parts.body) parts = WITH_BODY;
  }
  return parts;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
