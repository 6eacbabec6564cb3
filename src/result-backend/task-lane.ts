/**
 * The commands of one task, one group after the other: those that come while a group is under way
 * make up the next one, so that a process never loses a swap to itself.
 *
 * A group is decided as a chain, each command on what the one before it leaves, and its last value
 * is swapped in: all of them take place at the moment of that swap. A command joins only a load that
 * begins after it came: what it is told must not be older than itself.
 */

import { shown, storeUnavailable } from '../errors.js';
import { entryExpiresAt, HEAD_ONLY, liveEntry, versionOf, WITH_LOG } from '../record/entry.js';
import { Backoff } from '../timing.js';
import type { Command, Reply } from './commands.js';
import type { Kept, Load, Loaded, Swap, SwapResult, TaskKey } from './compare-and-swap-types.js';
import { decide, type Stored } from './decide.js';

/** Only other processes can win against a lane, and each time one of them has got on. */
const ATTEMPTS = 20;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/** What a lane needs of its backend. Each `begin` is called at the last moment before the call. */
interface LaneStore<Revision> {
  load(begin: () => Load): Promise<Loaded<Revision>>;
  swap(begin: () => Swap<Revision>): Promise<SwapResult>;
  now(): number;
}

interface Pending {
  readonly command: Command;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** What a group comes to. */
interface Plan<Revision> {
  readonly replies: readonly Reply[];
  /** How many of the replies stand whether or not the swap is won: nothing was written before. */
  readonly settled: number;
  /** Undefined where there is nothing to write. */
  readonly swap: Swap<Revision> | undefined;
}

export class TaskLane<Revision> {
  readonly #task: TaskKey;
  readonly #store: LaneStore<Revision>;
  readonly #onIdle: () => void;
  #waiting: Pending[] = [];
  #isRunning = false;

  /** `onIdle` is called each time that the lane has nothing left to do. */
  constructor(task: TaskKey, store: LaneStore<Revision>, onIdle: () => void) {
    this.#task = task;
    this.#store = store;
    this.#onIdle = onIdle;
  }

  execute(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group: Pending[] = [];
      try {
        const isDone = makesTask(this.#waiting[0]!.command) && (await this.#create(group));
        if (!isDone) await this.#loadAndSwap(group);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isRunning = false;
    this.#onIdle();
  }

  /** Swaps from absent without a read; false where something is there. */
  async #create(group: Pending[]): Promise<boolean> {
    let plan: Plan<Revision> | undefined;
    const result = await this.#store.swap(() => {
      const others = this.#waiting.findIndex(({ command }) => !makesTask(command));
      group.push(...this.#waiting.splice(0, others < 0 ? this.#waiting.length : others));
      plan = this.#plan(group, { entry: undefined, consumed: [], revision: undefined });
      return plan.swap!;
    });
    if (result === 'lost') return false;
    settle(group, plan!.replies);
    return true;
  }

  async #loadAndSwap(group: Pending[]): Promise<void> {
    const backoff = new Backoff(LONGEST_PAUSE_MS, FIRST_PAUSE_MS);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const loaded = await this.#store.load(() => {
        group.push(...this.#waiting.splice(0));
        const consumes = group.some(({ command }) => command.kind === 'consume');
        return { ...this.#task, parts: consumes ? WITH_LOG : HEAD_ONLY, isForSwap: true };
      });
      const { swap, replies, settled } = this.#plan(group, loaded);
      settle(group.splice(0, settled), replies);
      if (swap === undefined) return;
      if ((await this.#store.swap(() => swap)) === 'won') {
        settle(group, replies.slice(settled));
        return;
      }
      await backoff.pause(LONGEST_PAUSE_MS);
    }
    throw storeUnavailable(
      `task ${shown(this.#task.taskId)} was written by others ${ATTEMPTS} times meanwhile: try again`,
    );
  }

  #plan(group: readonly Pending[], from: Loaded<Revision>): Plan<Revision> {
    const now = this.#store.now();
    let stored: Stored = from;
    let hint: string | null | undefined;
    let settled = group.length;
    const replies = group.map(({ command }, at): Reply => {
      const decision = decide(command, stored, now);
      const { write, remember } = decision;
      if (write === undefined && remember === undefined) return decision;
      settled = Math.min(settled, at);
      const entry = write === undefined ? stored.entry : (write ?? undefined);
      stored = { entry, consumed: remember ?? stored.consumed };
      if (write !== undefined) hint = write === null ? null : versionOf(write);
      return decision;
    });
    const to = keptOf(stored, now);
    const isSame = stored === from || (to === undefined && isEmpty(from));
    if (isSame) return { replies, settled: group.length, swap: undefined };
    return { replies, settled, swap: { ...this.#task, from, to, hint } };
  }
}

/** Whether the command is made for a task that is not there, and would write one. */
function makesTask(command: Command): boolean {
  const isFirst =
    (command.kind === 'set-outcome' && command.mode === 'create') ||
    (command.kind === 'set-progress' && command.mode === 'register');
  return isFirst && command.conditions.ifMatch === undefined;
}

/** What is live of it; undefined where nothing is. */
function keptOf(stored: Stored, now: number): Kept | undefined {
  const entry = liveEntry(stored.entry, now);
  const isLive = ({ expiresAt }: { expiresAt: number }): boolean => expiresAt > now;
  const consumed = stored.consumed.every(isLive) ? stored.consumed : stored.consumed.filter(isLive);
  if (isEmpty({ entry, consumed })) return undefined;
  const expiries = consumed.map(({ expiresAt }) => expiresAt);
  const keepUntil = Math.max(entry === undefined ? 0 : entryExpiresAt(entry), ...expiries);
  return { entry, consumed, keepUntil };
}

function isEmpty({ entry, consumed }: Stored): boolean {
  return entry === undefined && consumed.length === 0;
}

function settle(group: readonly Pending[], replies: readonly Reply[]): void {
  for (const [at, { resolve }] of group.entries()) resolve(replies[at]!);
}
