/**
 * One client that waits through a wait hub. Where its replica is drained or has no answer, it waits
 * again at whichever replica runs, as a client behind a load balancer does.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { ResultdError } from '../../src/errors.js';
import { WITH_LOG } from '../../src/record/entry.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { TaskWaits, Wait, WaitResult } from '../../src/result-backend/task-waits.js';
import type { Stage } from './actor.js';
import { seenIn } from './history.js';

export class Waiter {
  readonly task: number;
  readonly versions: readonly string[] | undefined;
  readonly answered: Promise<void>;
  isAnswered = false;
  readonly #stage: Stage;
  #isGivenUp = false;
  #wait: Wait | undefined;

  constructor(stage: Stage, task: number, versions: readonly string[] | undefined, at: number) {
    this.#stage = stage;
    this.task = task;
    this.versions = versions;
    this.answered = this.#run(at);
    // Whoever asks for it later sees the failure; nobody need be asking now.
    this.answered.catch(() => {});
  }

  /** Whether a reading of the task is what it waits for. */
  isOwed(snapshot: TaskSnapshot | undefined): boolean {
    if (this.isAnswered || snapshot === undefined) return false;
    return this.versions === undefined ? snapshot.ready : !this.versions.includes(snapshot.version);
  }

  /** Whether the task differs from what it knows by records that have expired, and not by a write. */
  differsByExpiry(snapshot: TaskSnapshot | undefined): boolean {
    const writeOf = (version: string): string => version.split('.', 1)[0]!;
    const shown = snapshot === undefined ? undefined : writeOf(snapshot.version);
    return this.versions?.some((version) => writeOf(version) === shown) === true;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#wait?.cancel();
  }

  async #run(at: number): Promise<void> {
    const { replicas } = this.#stage;
    for (let turn = at; !this.isAnswered && !this.#isGivenUp; turn += 1) {
      const { waits } = replicas[turn % replicas.length]!;
      if (waits === undefined || !(await this.#waitAt(waits))) await pause(3);
    }
  }

  async #waitAt(waits: TaskWaits): Promise<boolean> {
    const { history } = this.#stage;
    const call = history.begin('waiter', this.task, { kind: 'read' });
    this.#wait = waits.wait({
      taskId: this.#stage.taskId(this.task),
      parts: WITH_LOG,
      timeoutMs: 50_000,
      caller: 'waiter',
      knownVersions: this.versions,
    });
    let result: WaitResult;
    try {
      result = await this.#wait.result;
    } catch (error) {
      if (error instanceof ResultdError && error.code === 'store-unavailable') return false;
      throw error;
    }
    history.end(call, { verdict: 'read', seen: seenIn(result.snapshot) });
    this.isAnswered = result.reason === 'done' || result.reason === 'removed';
    return this.isAnswered;
  }
}
