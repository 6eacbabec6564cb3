/**
 * One client of the service, which goes through its steps: it writes, reads, consumes, tries again
 * where there was no answer, and leaves waiters behind. All that it sees goes into the history.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ResultdError } from '../../src/errors.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../../src/record/entry.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ResultBackend, SetManyItem } from '../../src/result-backend.js';
import { batchItem, setMany } from './batch.js';
import {
  type Answer,
  type Asked,
  type Call,
  type History,
  type SentConditions,
  seenIn,
} from './history.js';
import type { Replica } from './replica.js';
import type { Action, Condition, Step } from './schedule.js';
import type { Tries } from './tries.js';
import { nameOf, OUTCOMES, progressName, progressOf } from './values.js';
import { Waiter } from './waiter.js';

const PARTS = { head: HEAD_ONLY, body: WITH_BODY, log: WITH_LOG };
/** How often a call without an answer is made again. */
const REPEATS = 2;
const REPEAT_AFTER_MS = 25;

type Write = Exclude<Action, { kind: 'batch' | 'read' | 'wait' }>;
type Batch = Extract<Action, { kind: 'batch' }>;

/** One write of a batch, as it was asked for. */
interface Item {
  readonly task: number;
  readonly asked: Asked;
  readonly item: SetManyItem;
}

/** Answers that are errors. What is not here means that nobody knows. */
const REFUSALS: Readonly<Record<string, Answer['verdict']>> = {
  'outcome-conflict': 'conflict',
  'version-mismatch': 'mismatch',
  'not-ready': 'not-ready',
};

export interface Stage {
  readonly history: History;
  readonly replicas: readonly Replica[];
  readonly waiters: Waiter[];
  readonly tries: Tries;
  taskId(task: number): string;
}

export class Actor {
  readonly #name: string;
  readonly #stage: Stage;
  /** The version of each task that this actor saw last. */
  readonly #versions = new Map<number, string>();

  constructor(name: string, stage: Stage) {
    this.#name = name;
    this.#stage = stage;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await pause(step.pauseMs);
      await this.#perform(step);
    }
  }

  async #perform({ replica: at, task, action }: Step): Promise<void> {
    const { replicas, waiters } = this.#stage;
    if (action.kind === 'wait') {
      const version = this.#versions.get(task);
      const versions = action.until === 'ready' || version === undefined ? undefined : [version];
      waiters.push(new Waiter(this.#stage, task, versions, at));
      return;
    }
    const replica = replicas[at % replicas.length]!;
    if (action.kind === 'read') {
      await this.#call(replica, task, { kind: 'read' }, async (backend, taskId) =>
        seenAs('read', await backend.get(taskId, PARTS[action.parts])),
      );
      return;
    }
    if (action.kind === 'batch') {
      await this.#writeMany(replica, action);
      return;
    }
    const conditions = this.#conditions(task, action.condition);
    const asked = askedFor(action, conditions);
    for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
      const isAnswered = await this.#call(replica, task, asked, (backend, taskId) =>
        carryOut(backend, taskId, { action, conditions }),
      );
      if (isAnswered) return;
      await pause(REPEAT_AFTER_MS);
    }
  }

  /** One call; false where it had no answer. */
  async #call(
    replica: Replica,
    task: number,
    asked: Asked,
    make: (backend: ResultBackend, taskId: string) => Promise<Answer>,
  ): Promise<boolean> {
    const { backend } = replica;
    if (backend === undefined) return false;
    const { tries, taskId } = this.#stage;
    const call = tries.begin(this.#name, task, asked);
    try {
      this.#end(call, await tries.make([call], () => make(backend, taskId(task))));
      return true;
    } catch (error) {
      return this.#refused(call, error);
    }
  }

  /** Writes of one batch; those without an answer are sent again. */
  async #writeMany(replica: Replica, { items, refusedAt }: Batch): Promise<void> {
    let left = items.map(({ task, write }): Item => {
      const conditions = this.#conditions(task, write.condition);
      const item = batchItem(this.#stage.taskId(task), write, conditions);
      return { task, asked: askedFor(write, conditions), item };
    });
    for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
      left = await this.#sendMany(replica, left, refusedAt);
      if (left.length === 0) return;
      await pause(REPEAT_AFTER_MS);
    }
  }

  /** One batch; gives the writes that had no answer. */
  async #sendMany(
    { backend }: Replica,
    items: readonly Item[],
    refusedAt: number | undefined,
  ): Promise<Item[]> {
    if (backend === undefined) return [...items];
    const { tries } = this.#stage;
    const calls = items.map(({ task, asked }) =>
      tries.begin(`${this.#name} in a batch`, task, asked),
    );
    const sent = items.map(({ item }) => item);
    const answers = await tries.make(calls, () => setMany(backend, sent, refusedAt));
    return items.filter((_, n) => {
      const [call, answer] = [calls[n]!, answers[n]!];
      if (answer instanceof Error) return !this.#refused(call, answer);
      this.#end(call, seenAs(answer.verdict, answer.snapshot));
      return false;
    });
  }

  #end(call: Call, answer: Answer): void {
    this.#stage.tries.end(call, answer);
    if (answer.seen !== undefined && answer.seen !== 'unsaid') {
      this.#versions.set(call.task, answer.seen.version);
    }
  }

  /** Whether the error is an answer. */
  #refused(call: Call, error: unknown): boolean {
    if (!(error instanceof ResultdError)) throw error;
    const verdict = REFUSALS[error.code];
    if (verdict !== undefined) this.#end(call, { verdict, seen: 'unsaid' });
    else if (error.code !== 'store-unavailable') throw error;
    return verdict !== undefined;
  }

  #conditions(task: number, condition: Condition): SentConditions {
    const version = this.#versions.get(task);
    if (condition === 'there') return { ifMatch: '*' };
    if (condition === 'not there') return { ifNoneMatch: '*' };
    return condition === 'seen' && version !== undefined ? { ifMatch: [version] } : {};
  }
}

function askedFor(action: Write, conditions: SentConditions): Asked {
  switch (action.kind) {
    case 'outcome':
      return { ...action, conditions, name: nameOf(OUTCOMES[action.value]!) };
    case 'progress':
      return { ...action, conditions, name: progressName(action.mode, action.value) };
    default:
      return { ...action, conditions };
  }
}

async function carryOut(
  backend: ResultBackend,
  taskId: string,
  { action, conditions }: { action: Write; conditions: SentConditions },
): Promise<Answer> {
  switch (action.kind) {
    case 'outcome': {
      const { mode, ttlMs, value } = action;
      const options = { mode, ttlMs, conditions };
      const receipt = await backend.setResult(taskId, OUTCOMES[value]!, options);
      return seenAs(receipt.verdict, receipt.snapshot);
    }
    case 'progress': {
      const { mode, ttlMs, value } = action;
      const options = { mode, ttlMs, conditions };
      const receipt = await backend.setProgress(taskId, progressOf(mode, value), options);
      return seenAs(receipt.verdict, receipt.snapshot);
    }
    case 'expire': {
      const receipt = await backend.expire(taskId, action.ttlMs, conditions);
      return seenAs(receipt?.verdict ?? 'absent', receipt?.snapshot);
    }
    case 'consume': {
      const options = { conditions, withLogs: true, idempotencyKey: action.key };
      const snapshot = await backend.consume(taskId, options);
      return seenAs(snapshot === undefined ? 'absent' : 'done', snapshot);
    }
    case 'delete': {
      const isDone = await backend.delete(taskId, conditions);
      return { verdict: isDone ? 'done' : 'absent', seen: 'unsaid' };
    }
  }
}

export function seenAs(verdict: Answer['verdict'], snapshot: TaskSnapshot | undefined): Answer {
  return { verdict, seen: seenIn(snapshot) };
}
