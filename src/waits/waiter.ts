/**
 * One parked caller of the wait hub, and the rules of when a read of its task ends the wait. The
 * hub decides when to read; nothing here does.
 */

import { ResultdError } from '../errors.js';
import { HEAD_ONLY, NEVER, type Parts, WITH_BODY, WITH_LOG } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import {
  isBeforeItsTime,
  type Wait,
  type WaitRequest,
  type WaitResult,
} from '../result-backend/task-waits.js';

/** Why the next read ends a wait whatever it finds; an error where there was no room to park. */
export type Ending = 'timeout' | 'draining' | ResultdError;

/** One parked caller. It is small on purpose, and a link of its topic's list: there may be very many. */
export class Waiter implements Wait {
  readonly request: WaitRequest;
  readonly topic: Topic;
  readonly result: Promise<WaitResult>;
  /** Only reads that began later may answer it. */
  readonly registeredAt: number;
  readonly cancel: () => void;
  resolve!: (result: WaitResult) => void;
  reject!: (error: unknown) => void;
  isParked = true;
  /** Whether the first read found the task; undefined before it. */
  wasKnown: boolean | undefined = undefined;
  ending: Ending | undefined;
  timer: NodeJS.Timeout | undefined = undefined;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;

  constructor(
    request: WaitRequest,
    topic: Topic,
    state: {
      readonly registeredAt: number;
      readonly ending: Ending | undefined;
      readonly leave: (waiter: Waiter) => void;
    },
  ) {
    this.request = request;
    this.topic = topic;
    this.registeredAt = state.registeredAt;
    this.ending = state.ending;
    this.cancel = () => state.leave(this);
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** All who wait for one task. */
export class Topic {
  readonly taskId: string;
  isReading = false;
  readAgain = false;
  /** A removal was heard of, and the task has not been found since. */
  #isRemovalHeard = false;
  /** When its last record expires; undefined where something was heard that was not read yet. */
  #expiresAt: number | undefined = undefined;
  #heardAt = 0;
  #first: Waiter | undefined = undefined;

  constructor(taskId: string) {
    this.taskId = taskId;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** What a hint says, before the read that comes of it. `clock` is that of the reads. */
  hear(version: string | null, clock: number): void {
    this.#heardAt = clock;
    this.#expiresAt = undefined;
    if (version === null) this.#isRemovalHeard = true;
  }

  /** What a read has found that began at `beganAt`. */
  found(snapshot: TaskSnapshot | undefined, beganAt: number): void {
    if (snapshot === undefined || beganAt <= this.#heardAt) return;
    this.#isRemovalHeard = false;
    this.#expiresAt = snapshot.expiresAt ?? NEVER;
  }

  /**
   * Whether a task that was known, and is gone, was deleted or consumed. It may have expired: nobody
   * is told of that, while a removal is heard of, or else, where hints are lost, seen from its time.
   */
  isRemoved(knownUntil: number | undefined): boolean {
    return this.#isRemovalHeard || isBeforeItsTime(knownUntil ?? this.#expiresAt);
  }

  add(waiter: Waiter): void {
    waiter.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = waiter;
    this.#first = waiter;
  }

  remove(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
  }

  /** Each of them; the one that is given out may be removed meanwhile. */
  *waiters(): Generator<Waiter> {
    let waiter = this.#first;
    while (waiter !== undefined) {
      const { next } = waiter;
      yield waiter;
      waiter = next;
    }
  }
}

/** Why this snapshot ends the wait; undefined where it goes on. */
export function reasonToEnd(
  { request, wasKnown, ending, topic }: Waiter,
  snapshot: TaskSnapshot | undefined,
): 'done' | 'removed' | Ending | undefined {
  const { knownVersions } = request;
  if (snapshot === undefined) {
    // What this wait has found itself counts before what an earlier one had.
    const knownUntil = wasKnown === true ? undefined : request.knownUntil;
    const isKnown = wasKnown === true || knownUntil !== undefined;
    if (isKnown && topic.isRemoved(knownUntil)) return 'removed';
    // A client that names a version has known the task: there is nothing to wait for.
    if (wasKnown === undefined && (knownVersions?.length ?? 0) > 0) return 'done';
    return ending;
  }
  if (knownVersions === undefined) return snapshot.ready ? 'done' : ending;
  return knownVersions.includes(snapshot.version) ? ending : 'done';
}

/** Ends a wait that has left its topic. Others may have asked for more of the task than it did. */
export function settle(
  waiter: Waiter,
  reason: 'done' | 'removed' | Ending,
  snapshot: TaskSnapshot | undefined,
): void {
  if (typeof reason !== 'string') {
    const taskState = snapshot?.state ?? 'UNKNOWN';
    waiter.reject(new ResultdError(reason.code, reason.message, { taskState }));
    return;
  }
  waiter.resolve({ reason, snapshot: snapshot?.trimmedTo(waiter.request.parts) });
}

/** The parts that any of those who wait for the task needs. */
export function partsFor(topic: Topic): Parts {
  let parts = HEAD_ONLY;
  for (const { request } of topic.waiters()) {
    if (request.parts.log) return WITH_LOG;
    if (request.parts.body) parts = WITH_BODY;
  }
  return parts;
}
