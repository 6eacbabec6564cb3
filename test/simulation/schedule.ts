/**
 * A random schedule: who does what to which task, and what goes wrong meanwhile. All of it comes
 * from the seed, so a seed stands for a schedule; how the steps interleave is up to the store.
 */
import { Random } from '../conformance/random.js';

/** `seen`: at the version that the actor saw last. The others are `*`. */
export type Condition = 'none' | 'seen' | 'there' | 'not there';

/** What can stand in a batch, too. */
export type RecordWrite = {
  readonly value: number;
  readonly ttlMs: number;
  readonly condition: Condition;
} & (
  | { readonly kind: 'outcome'; readonly mode: 'create' | 'replace' }
  | { readonly kind: 'progress'; readonly mode: 'register' | 'replace' }
);

export type Action =
  | RecordWrite
  | {
      readonly kind: 'batch';
      /** They may name one task several times. */
      readonly items: readonly { readonly task: number; readonly write: RecordWrite }[];
      /** Where among them one stands that is refused before a store is asked. */
      readonly refusedAt: number | undefined;
    }
  | { readonly kind: 'consume'; readonly key: string | undefined; readonly condition: Condition }
  | { readonly kind: 'delete'; readonly condition: Condition }
  | { readonly kind: 'expire'; readonly ttlMs: number; readonly condition: Condition }
  | { readonly kind: 'read'; readonly parts: 'head' | 'body' | 'log' }
  | { readonly kind: 'wait'; readonly until: 'ready' | 'changed' };

export interface Step {
  /** Milliseconds before it. */
  readonly pauseMs: number;
  readonly replica: number;
  /** A batch names its own. */
  readonly task: number;
  readonly action: Action;
}

export interface Disturbance {
  /** Milliseconds after the one before it has ended. */
  readonly afterMs: number;
  readonly forMs: number;
  /** A fault of the store's, or `restart` of a replica. */
  readonly fault: string;
  readonly replica: number;
}

export interface Limits {
  /**
   * Of the wait hubs. Long, so that it plays no part, where nothing goes wrong that the hub does
   * not hear of; else short, and waiters are owed an answer only after it.
   */
  readonly safetyNetMs: number;
  /** How long the store may take to answer: short where it often will not. */
  readonly storeTimeoutMs: number;
}

export interface Schedule extends Limits {
  readonly seed: number;
  readonly tasks: number;
  readonly actors: readonly (readonly Step[])[];
  readonly disturbances: readonly Disturbance[];
  /** The outcomes that end the tasks' part in it are written as one batch. */
  readonly endsInBatch: boolean;
}

/** What can go wrong with a store. */
export interface Faults {
  /** The hub is told when they are over: no safety net is needed. */
  readonly told: readonly string[];
  /** All others. */
  readonly untold: readonly string[];
}

/** How many outcomes and progresses there are: few, so that writers often mean the same one. */
export const VALUES = 5;
const LONG_NET_MS = 60_000;
const SHORT_NET_MS = 150;
const LONG_TIMEOUT_MS = 5_000;
const SHORT_TIMEOUT_MS = 150;
const LONG_TTL_MS = 3_600_000;

export function makeSchedule(seed: number, faults: Faults): Schedule {
  const random = new Random(seed);
  // Neighbours among seeds start alike: a few numbers thrown away part them.
  for (let n = 0; n < 8; n += 1) random.next();
  const tasks = 1 + random.below(3);
  const actorCount = 2 + random.below(4);
  const steps = 20 + random.below(41);
  const mood = random.pick(['calm', 'told', 'storm', 'storm'] as const);
  const kinds =
    mood === 'calm' ? [] : mood === 'told' ? faults.told : [...faults.told, ...faults.untold];
  const pace = random.pick([1, 3, 8]);
  const actors = Array.from({ length: actorCount }, (_, actor) =>
    Array.from({ length: Math.ceil(steps / actorCount) }, (_, n) => ({
      pauseMs: random.below(3) === 0 ? 0 : random.below(pace + 1),
      replica: random.below(2),
      task: random.below(tasks),
      action: makeAction(random, tasks, `${actor}.${n}`),
    })),
  );
  return {
    seed,
    tasks,
    actors,
    disturbances: makeDisturbances(random, kinds),
    safetyNetMs: mood === 'storm' ? SHORT_NET_MS : LONG_NET_MS,
    storeTimeoutMs: mood === 'storm' ? SHORT_TIMEOUT_MS : LONG_TIMEOUT_MS,
    endsInBatch: random.below(2) === 0,
  };
}

function makeDisturbances(random: Random, kinds: readonly string[]): Disturbance[] {
  if (kinds.length === 0) return [];
  return Array.from({ length: 1 + random.below(4) }, () => ({
    afterMs: random.below(30),
    forMs: random.pick([1, 20, 60, 150]),
    fault: random.pick(kinds),
    replica: random.below(2),
  }));
}

function makeAction(random: Random, tasks: number, name: string): Action {
  const dice = random.below(100);
  if (dice < 34) return makeWrite(random);
  if (dice < 42) return makeBatch(random, tasks);
  const condition = makeCondition(random);
  if (dice < 54) {
    const key = random.pick([undefined, name, name, 'shared']);
    return { kind: 'consume', key, condition };
  }
  if (dice < 60) return { kind: 'delete', condition };
  if (dice < 66) return { kind: 'expire', ttlMs: makeTtl(random), condition };
  if (dice < 84) return { kind: 'read', parts: random.pick(['head', 'body', 'log'] as const) };
  return { kind: 'wait', until: random.pick(['ready', 'changed'] as const) };
}

function makeWrite(random: Random): RecordWrite {
  const value = random.below(VALUES);
  const ttlMs = makeTtl(random);
  const condition = makeCondition(random);
  const dice = random.below(40);
  if (dice < 16) return { kind: 'outcome', mode: 'create', value, ttlMs, condition };
  if (dice < 28) return { kind: 'outcome', mode: 'replace', value, ttlMs, condition };
  const mode = dice < 36 ? 'replace' : 'register';
  return { kind: 'progress', mode, value, ttlMs, condition };
}

function makeBatch(random: Random, tasks: number): Action {
  const items = Array.from({ length: 2 + random.below(3) }, () => ({
    task: random.below(tasks),
    write: makeWrite(random),
  }));
  const refusedAt = random.below(3) === 0 ? random.below(items.length + 1) : undefined;
  return { kind: 'batch', items, refusedAt };
}

function makeTtl(random: Random): number {
  return random.below(8) === 0 ? 5 + random.below(40) : LONG_TTL_MS;
}

function makeCondition(random: Random): Condition {
  return random.below(4) === 0
    ? random.pick(['seen', 'seen', 'there', 'not there'] as const)
    : 'none';
}
