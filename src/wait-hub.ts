/**
 * The wait hub: parks callers until a task changes, over any result backend.
 *
 * Register the waiter, read, park; on a wake, read again. A notification is a hint: it wakes, and
 * the answer comes from a read that began after it. There is one read for each task and change,
 * however many wait for it. What hints may miss, a batched re-read makes up for: at once after
 * `lost`, and every 10 to 15 s as a safety net. A parked waiter holds no thread and no connection.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { TaskSnapshot } from './record/snapshot.js';
import type {
  ManyWait,
  ManyWaitRequest,
  TaskWaits,
  Wait,
  WaitRequest,
} from './result-backend/task-waits.js';
import type { Notification, ResultBackend, Unsubscribe } from './result-backend.js';
import { HintedReads } from './waits/hinted-reads.js';
import { ManyWaits } from './waits/many-waits.js';
import { type Ending, partsFor, reasonToEnd, settle, Topic, Waiter } from './waits/waiter.js';
import { WaitingRoom } from './waits/waiting-room.js';

export interface WaitHubOptions {
  /** The longest a waiter is parked, in milliseconds; longer ones are clamped. Default: 55,000. */
  readonly maxWaitMs?: number;
  /** How many waiters may be parked in all, and for 50 times as many tasks. Default: 20,000. */
  readonly maxWaiters?: number;
  /** The same for each caller. Default: 10,000. */
  readonly maxWaitersPerCaller?: number;
  /** The shortest time between two re-reads of all parked tasks. Default: 10,000. */
  readonly safetyNetMs?: number;
}

/** How many different deadlines waiters of one time-out have. */
const STEPS = 64;
/** How soon all is re-read after a read has failed, at the earliest. */
const RETRY_MS = 1_000;
/** How many tasks one batched re-read asks for. */
const BATCH = 500;
const DRAIN_STEP_MS = 20;

export class WaitHub implements TaskWaits {
  readonly maxWaitMs: number;
  readonly #backend: ResultBackend;
  readonly #options: Required<WaitHubOptions>;
  readonly #topics = new Map<string, Topic>();
  /** Reads of all parked tasks at once. */
  readonly #reReads: HintedReads;
  readonly #many: ManyWaits;
  readonly #room: WaitingRoom;
  /** Counts reads and registrations, so that their order is known. */
  #clock = 0;
  /** When the last re-read of all began. */
  #reReadAt = 0;
  #isDraining = false;
  #retriesSoon = false;
  #safetyNet: NodeJS.Timeout | undefined;
  #unsubscribe: Unsubscribe | undefined;

  constructor(backend: ResultBackend, options: WaitHubOptions = {}) {
    this.#backend = backend;
    this.#reReads = new HintedReads(backend, {
      atOnce: BATCH,
      onLost: () => {
        this.#clock += 1;
        this.#reReadAt = this.#clock;
        return this.#topics.keys();
      },
      onRead: (taskIds, snapshots) => this.#found(taskIds, snapshots),
      onFailure: this.#retrySoon,
    });
    this.#many = new ManyWaits(backend, this.#retrySoon);
    this.#options = {
      maxWaitMs: options.maxWaitMs ?? 55_000,
      maxWaiters: options.maxWaiters ?? 20_000,
      maxWaitersPerCaller: options.maxWaitersPerCaller ?? 10_000,
      safetyNetMs: options.safetyNetMs ?? 10_000,
    };
    this.#room = new WaitingRoom(this.#options);
    this.maxWaitMs = this.#options.maxWaitMs;
  }

  /** Waiters parked now. */
  get parked(): number {
    return this.#room.waiters;
  }

  /** Starts to listen; the backend must be started. Resolves once the subscription is live. */
  async start(): Promise<void> {
    this.#unsubscribe = await this.#backend.subscribe((notification) => this.#hear(notification));
    this.#armSafetyNet();
  }

  /** Stops listening. Drain first. */
  async stop(): Promise<void> {
    this.#reReads.stop();
    clearTimeout(this.#safetyNet);
    await this.#unsubscribe?.();
  }

  /**
   * Waits for a task. The result rejects with `store-unavailable` where the store cannot be asked at
   * the start or at the end; in between, a parked waiter lives through it. Beyond the limits, what
   * the first read does not answer rejects with `too-many-waiters` or
   * `too-many-waiters-for-caller`.
   */
  wait(request: WaitRequest): Wait {
    const { taskId, caller, timeoutMs } = request;
    let topic = this.#topics.get(taskId);
    if (topic === undefined) {
      topic = new Topic(taskId);
      this.#topics.set(taskId, topic);
    }
    const waiter = new Waiter(request, topic, {
      registeredAt: this.#clock,
      ending: this.#isDraining ? 'draining' : this.#room.refusal(caller),
      leave: this.#leave,
    });
    topic.add(waiter);
    this.#room.enter(caller);
    waiter.timer = setTimeout(this.#expire, this.#deadlineIn(timeoutMs), waiter);
    this.#refresh(topic);
    return waiter;
  }

  /** Waits for many tasks, as one waiter. It ends and fails as `wait` does. */
  waitMany(request: ManyWaitRequest): ManyWait {
    const { caller, taskIds } = request;
    const ending = this.#isDraining ? 'draining' : this.#room.refusal(caller);
    this.#room.enter(caller, taskIds.length);
    const onLeave = (): void => this.#room.exit(caller, taskIds.length);
    const timeoutMs = this.#deadlineIn(request.timeoutMs);
    return this.#many.park(request, { ending, timeoutMs, onLeave });
  }

  /**
   * Answers every waiter with the present state, spread evenly over `durationMs`; later ones are
   * answered at once. Resolves when nobody is parked.
   */
  async drain(durationMs: number): Promise<void> {
    this.#isDraining = true;
    const waiters = [...this.#topics.values()].flatMap((topic) => [...topic.waiters()]);
    const singles = waiters.map((waiter) => () => this.#end(waiter, 'draining'));
    const drains = [...singles, ...this.#many.drains()];
    const started = Date.now();
    for (const [index, drain] of drains.entries()) {
      // In steps, so that many who wait for one task cost one read in each.
      const step = Math.floor((durationMs * index) / drains.length / DRAIN_STEP_MS);
      const due = started + step * DRAIN_STEP_MS;
      if (due > Date.now()) await delay(due - Date.now());
      drain();
    }
    while (this.#room.waiters > 0) await delay(10);
  }

  /**
   * Clamped, and shorter by a random part, so that waiters do not end in a herd. It has steps, since
   * the runtime keeps a list for each length of time, and those of one length are cheap.
   */
  #deadlineIn(timeoutMs: number): number {
    const wait = Math.min(timeoutMs, this.maxWaitMs);
    const step = Math.floor(Math.random() * (STEPS + 1)) / STEPS;
    return Math.max(1, Math.round(wait * (1 - step / 16)));
  }

  /** The one place where a waiter, its timer and its counts go. */
  readonly #leave = (waiter: Waiter): boolean => {
    if (!waiter.isParked) return false;
    const { topic, request } = waiter;
    waiter.isParked = false;
    clearTimeout(waiter.timer);
    topic.remove(waiter);
    if (topic.isEmpty) this.#topics.delete(topic.taskId);
    this.#room.exit(request.caller);
    return true;
  };

  readonly #expire = (waiter: Waiter): void => this.#end(waiter, 'timeout');

  #end(waiter: Waiter, ending: Ending): void {
    if (!waiter.isParked) return;
    waiter.ending ??= ending;
    this.#refresh(waiter.topic);
  }

  #hear(notification: Notification): void {
    if ('lost' in notification) {
      void this.#reReadAll();
      return;
    }
    const topic = this.#topics.get(notification.taskId);
    if (topic !== undefined) {
      topic.hear(notification.version, this.#clock);
      this.#refresh(topic);
    }
    this.#many.hear(notification.taskId);
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
    } while (topic.readAgain && !topic.isEmpty);
    topic.isReading = false;
  }

  #settle(topic: Topic, snapshot: TaskSnapshot | undefined, beganAt: number): void {
    topic.found(snapshot, beganAt);
    for (const waiter of topic.waiters()) {
      if (waiter.registeredAt >= beganAt) continue;
      const reason = reasonToEnd(waiter, snapshot);
      waiter.wasKnown ??= snapshot !== undefined;
      if (reason !== undefined && this.#leave(waiter)) settle(waiter, reason, snapshot);
    }
  }

  /** The store could not be asked: who needs the answer now is told so; the others stay parked. */
  #fail(topic: Topic, error: unknown, beganAt: number): void {
    for (const waiter of topic.waiters()) {
      if (waiter.registeredAt >= beganAt) continue;
      const isParked = waiter.wasKnown !== undefined && waiter.ending === undefined;
      if (!isParked && this.#leave(waiter)) waiter.reject(error);
    }
    if (!topic.isEmpty) this.#retrySoon();
  }

  /** A read that failed owes its waiters an answer: they do not wait for the safety net to come by. */
  readonly #retrySoon = (): void => {
    if (this.#retriesSoon) return;
    this.#retriesSoon = true;
    clearTimeout(this.#safetyNet);
    this.#armSafetyNet(Math.min(RETRY_MS, this.#options.safetyNetMs));
  };

  #armSafetyNet(periodMs = this.#options.safetyNetMs): void {
    if (this.#reReads.isStopped) return;
    const reRead = async (): Promise<void> => {
      this.#retriesSoon = false;
      await this.#reReadAll();
      if (!this.#retriesSoon) this.#armSafetyNet();
    };
    this.#safetyNet = setTimeout(reRead, periodMs * (1 + Math.random() / 2)).unref();
  }

  /** Re-reads all parked tasks; once more where it is asked for while it runs. */
  async #reReadAll(): Promise<void> {
    await this.#reReads.lose();
    await this.#many.hearAll();
  }

  #found(taskIds: readonly string[], snapshots: readonly (TaskSnapshot | undefined)[]): void {
    for (const [at, taskId] of taskIds.entries()) {
      const topic = this.#topics.get(taskId);
      if (topic === undefined) continue;
      // What ends a wait needs its parts: only such a task is read whole.
      const ends = (waiter: Waiter): boolean =>
        waiter.registeredAt < this.#reReadAt && reasonToEnd(waiter, snapshots[at]) !== undefined;
      if ([...topic.waiters()].some(ends)) this.#refresh(topic);
    }
  }
}
