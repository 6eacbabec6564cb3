/** Many schedules of one world, several at once: seeds in a row. */
import { type Report, simulate } from './simulate.js';
import type { World } from './world.js';

export interface Totals {
  /** Of schedules that broke a law, or could not be run. */
  readonly failures: { readonly seed: number; readonly broken: readonly string[] }[];
  undecided: number;
  calls: number;
  unanswered: number;
  waiters: number;
  longestOwedMs: number;
  tookMs: number;
}

export interface Plan {
  readonly firstSeed: number;
  readonly count: number;
  readonly jobs: number;
  /** End with the first failure. Default: false. */
  readonly stopsAtFailure?: boolean;
  /** How much later than it is owed a waiter's answer may come. Default: 6,000. */
  readonly slackMs?: number;
  /** Told after each schedule. */
  readonly onProgress?: (totals: Totals, done: number) => void;
}

export async function simulateMany(world: World, plan: Plan): Promise<Totals> {
  const totals: Totals = {
    failures: [],
    undecided: 0,
    calls: 0,
    unanswered: 0,
    waiters: 0,
    longestOwedMs: 0,
    tookMs: 0,
  };
  const began = performance.now();
  let next = plan.firstSeed;
  let done = 0;
  const end = plan.firstSeed + plan.count;
  async function work(): Promise<void> {
    while (next < end && !(plan.stopsAtFailure === true && totals.failures.length > 0)) {
      const seed = next;
      next += 1;
      try {
        add(totals, await simulate(world, seed, plan.slackMs));
      } catch (error) {
        totals.failures.push({ seed, broken: [String((error as Error).stack ?? error)] });
      }
      done += 1;
      plan.onProgress?.(totals, done);
    }
  }
  await Promise.all(Array.from({ length: plan.jobs }, work));
  totals.tookMs = performance.now() - began;
  return totals;
}

function add(totals: Totals, report: Report): void {
  if (report.broken.length > 0) totals.failures.push(report);
  totals.undecided += report.undecided;
  totals.calls += report.calls;
  totals.unanswered += report.unanswered;
  totals.waiters += report.waiters;
  totals.longestOwedMs = Math.max(totals.longestOwedMs, report.longestOwedMs);
}
