/** Runs one schedule in one world, and tells which laws it broke. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import { CompareAndSwapBackend } from '../../src/result-backend/compare-and-swap.js';
import type { ResultBackend, WriteReceipt } from '../../src/result-backend.js';
import { Actor, type Stage, seenAs } from './actor.js';
import { setMany } from './batch.js';
import { type Asked, History } from './history.js';
import { checkLaws } from './laws.js';
import { Replica } from './replica.js';
import { type Disturbance, makeSchedule, type Schedule } from './schedule.js';
import { Tries } from './tries.js';
import { LAST_OUTCOME, nameOf } from './values.js';
import type { Waiter } from './waiter.js';
import type { Arena, World } from './world.js';

/** Beyond one period of the safety net: for connections to come back, on a busy machine. */
const SLACK_MS = 6_000;
/** How long a healthy store on a busy machine may have no answer to give. */
const PATIENCE_MS = 60_000;
const SLICE_MS = 50;
const DAY_MS = 86_400_000;
const LAST_WRITE: Asked = {
  kind: 'outcome',
  mode: 'replace',
  name: nameOf(LAST_OUTCOME),
  ttlMs: DAY_MS,
  conditions: {},
};

export interface Report {
  readonly seed: number;
  readonly broken: readonly string[];
  readonly undecided: number;
  readonly calls: number;
  /** Calls that had no answer. */
  readonly unanswered: number;
  readonly waiters: number;
  /** The longest that a waiter was owed its answer, in milliseconds that this process ran. */
  readonly longestOwedMs: number;
}

/** `slackMs`: how much later than it is owed an answer may come. */
export async function simulate(
  world: World,
  seed: number,
  slackMs: number = SLACK_MS,
): Promise<Report> {
  const arena = await world.arena(seed);
  const schedule = makeSchedule(seed, arena.faults);
  const run = new Run(arena, schedule, slackMs);
  try {
    return await run.report();
  } finally {
    await run.end();
  }
}

class Run {
  readonly #arena: Arena;
  readonly #schedule: Schedule;
  readonly #stage: Stage;
  readonly #slackMs: number;
  readonly #broken: string[] = [];
  #isOver = false;
  #longestOwedMs = 0;

  constructor(arena: Arena, schedule: Schedule, slackMs: number) {
    this.#slackMs = slackMs;
    this.#arena = arena;
    this.#schedule = schedule;
    const history = new History();
    this.#stage = {
      history,
      tries: new Tries(history, arena.isRepeating ?? false),
      replicas: Array.from({ length: arena.replicas }, () => new Replica(arena, schedule)),
      waiters: [],
      taskId: (task) => `${schedule.seed}.${task}`,
    };
  }

  async report(): Promise<Report> {
    const { actors, seed, tasks } = this.#schedule;
    const { history, replicas, waiters } = this.#stage;
    await Promise.all(replicas.map((replica) => replica.start()));
    history.decidesOnLoads = replicas[0]!.backend instanceof CompareAndSwapBackend;
    const disturbed = this.#disturb();
    disturbed.catch(() => {});
    await Promise.all(actors.map((steps, n) => new Actor(`actor ${n}`, this.#stage).run(steps)));
    this.#isOver = true;
    await disturbed;
    await this.#arena.heal();
    await Promise.all(replicas.map((replica) => replica.works()));
    for (let task = 0; task < tasks; task += 1) await this.#settle(task);
    await this.#conclude(tasks);
    const { broken, undecided } = checkLaws(history, tasks);
    return {
      seed,
      broken: [...this.#broken, ...broken],
      undecided,
      calls: history.calls.length,
      unanswered: history.calls.filter((call) => call.answer === undefined).length,
      waiters: waiters.length,
      longestOwedMs: this.#longestOwedMs,
    };
  }

  async end(): Promise<void> {
    for (const waiter of this.#stage.waiters) waiter.giveUp();
    await this.#arena.heal();
    await Promise.all(this.#stage.replicas.map((replica) => replica.stop()));
    await this.#arena.end();
  }

  async #disturb(): Promise<void> {
    for (const disturbance of this.#schedule.disturbances) {
      await pause(disturbance.afterMs);
      if (this.#isOver) return;
      await this.#befall(disturbance);
    }
  }

  async #befall({ fault, forMs, replica }: Disturbance): Promise<void> {
    const { replicas } = this.#stage;
    if (fault === 'restart') return replicas[replica % replicas.length]!.restart();
    await this.#arena.begin(fault);
    await pause(forMs);
    await this.#arena.heal();
  }

  /** All is quiet: whoever waits for what is there now is owed it. */
  async #settle(task: number): Promise<void> {
    const { history, taskId } = this.#stage;
    const found = await this.#surely(async (replica) => {
      const call = history.begin('end', task, { kind: 'read' });
      const snapshot = await replica.backend!.getResult(taskId(task), { withLogs: true });
      history.end(call, seenAs('read', snapshot));
      return snapshot;
    });
    // What expires soon need not be found in time.
    if ((found?.expiresAt ?? 0) > Date.now() + 10 * SLACK_MS) await this.#checkOwed(task, found);
  }

  /** A last write of each task ends the other waits. */
  async #conclude(tasks: number): Promise<void> {
    const all = Array.from({ length: tasks }, (_, task) => task);
    const groups = this.#schedule.endsInBatch ? [all] : all.map((task) => [task]);
    for (const group of groups) {
      const last = await this.#surely((replica) => this.#writeLast(replica.backend!, group));
      for (const [n, task] of group.entries()) await this.#checkOwed(task, last[n]);
    }
  }

  async #checkOwed(task: number, snapshot: TaskSnapshot | undefined): Promise<void> {
    const { safetyNetMs } = this.#schedule;
    const isNetShort = safetyNetMs < SLACK_MS;
    const bound = (isNetShort ? safetyNetMs * 1.5 : 0) + this.#slackMs;
    const owed = this.#stage.waiters.filter(
      (waiter) =>
        waiter.task === task &&
        waiter.isOwed(snapshot) &&
        // Nobody is told of an expiry: without a safety net its waiter goes on waiting.
        (isNetShort || !waiter.differsByExpiry(snapshot)),
    );
    const allAnswered = Promise.all(owed.map(({ answered }) => answered));
    let owedMs = 0;
    while (owedMs < bound && !owed.every((waiter) => waiter.isAnswered)) {
      const began = performance.now();
      await Promise.race([allAnswered, pause(SLICE_MS)]);
      // Where this process stood still for a while, waiters did so with it: that is not their time.
      owedMs += Math.min(performance.now() - began, SLICE_MS);
    }
    for (const waiter of owed) {
      if (!waiter.isAnswered) this.#broken.push(overdue(waiter, snapshot!, bound));
    }
    this.#longestOwedMs = Math.max(this.#longestOwedMs, owedMs);
  }

  /** As a batch, or one task's alone. */
  async #writeLast(
    backend: ResultBackend,
    tasks: readonly number[],
  ): Promise<(TaskSnapshot | undefined)[]> {
    const { tries, taskId } = this.#stage;
    const options = { ttlMs: DAY_MS };
    const calls = tasks.map((task) => tries.begin('end', task, LAST_WRITE));
    const items = tasks.map((task) => ({ taskId: taskId(task), outcome: LAST_OUTCOME, options }));
    const answers = await tries.make(calls, async () =>
      this.#schedule.endsInBatch
        ? setMany(backend, items)
        : [await backend.setResult(items[0]!.taskId, LAST_OUTCOME, options)],
    );
    for (const [n, answer] of answers.entries()) {
      if (answer instanceof Error) throw answer;
      tries.end(calls[n]!, seenAs(answer.verdict, answer.snapshot));
    }
    return answers.map((answer) => (answer as WriteReceipt).snapshot);
  }

  /** Until there is an answer: a busy machine can make a healthy store look down. */
  async #surely<T>(attempt: (replica: Replica) => Promise<T>): Promise<T> {
    const { replicas } = this.#stage;
    const deadline = Date.now() + PATIENCE_MS;
    for (let n = this.#schedule.seed; ; n += 1) {
      try {
        return await attempt(replicas[n % replicas.length]!);
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await pause(20);
      }
    }
  }
}

function overdue({ task, versions }: Waiter, { version }: TaskSnapshot, bound: number): string {
  const what = versions === undefined ? 'an outcome' : `another version than ${versions.join()}`;
  return `who waits for ${what} of task ${task} is not answered ${bound} ms after ${version} came`;
}
