/**
 * The laws that a history must keep. Each gives what was broken, as text; nothing where it held.
 * That waiters are answered in time is checked while the schedule runs.
 */
import { type Call, described, type History, type Seen } from './history.js';
import { linearize } from './linearizable.js';

export interface Verdicts {
  readonly broken: readonly string[];
  /** Tasks whose order could not be found nor ruled out. */
  readonly undecided: number;
}

export function checkLaws(history: History, tasks: number): Verdicts {
  const broken = [...repeatedTags(history.calls), ...takenTwice(history.calls)];
  let undecided = 0;
  for (let task = 0; task < tasks; task += 1) {
    const calls = history.of(task);
    const { result, longest } = linearize(calls);
    if (result === 'undecided') undecided += 1;
    if (result === 'no') broken.push(disorder(calls, longest));
  }
  return { broken, undecided };
}

/** An acknowledged write is there, first-wins has one winner, versions grow: all in one order. */
function disorder(calls: readonly Call[], longest: readonly Call[]): string {
  const inOrder = [...calls].sort((a, b) => a.begunAt - b.begunAt);
  const lines = inOrder.map((call) => `${longest.includes(call) ? '  ' : '* '}${described(call)}`);
  return ['no order of these calls explains their answers (* has no place):', ...lines].join('\n');
}

/** An ETag stands for one content, for ever. */
function repeatedTags(calls: readonly Call[]): string[] {
  const contents = new Map<string, Seen>();
  const broken: string[] = [];
  for (const call of calls) {
    const seen = call.answer?.seen;
    if (seen === undefined || seen === 'unsaid') continue;
    const key = `${call.task} ${seen.version}`;
    const before = contents.get(key);
    if (before !== undefined && !isSame(before, seen)) {
      broken.push(`ETag ${seen.version} stood for two contents, one of them in ${described(call)}`);
    }
    if (before === undefined || before.outcome === '?') contents.set(key, seen);
  }
  return broken;
}

function isSame(a: Seen, b: Seen): boolean {
  const isOutcome = a.outcome === b.outcome || a.outcome === '?' || b.outcome === '?';
  return isOutcome && a.progress === b.progress && a.expiresAt === b.expiresAt;
}

/** A version is consumed once; the same key may have its answer again. */
function takenTwice(calls: readonly Call[]): string[] {
  const takers = new Map<string, string>();
  const broken: string[] = [];
  for (const call of calls) {
    const { asked, answer, task } = call;
    if (asked.kind !== 'consume' || answer?.verdict !== 'done') continue;
    const { seen } = answer;
    if (seen === undefined || seen === 'unsaid') continue;
    const version = `${task} ${seen.version}`;
    const taker = asked.key ?? `nobody else's ${call.begunAt}`;
    if ((takers.get(version) ?? taker) !== taker) {
      broken.push(`version ${seen.version} was consumed twice, at last by ${described(call)}`);
    }
    takers.set(version, taker);
  }
  return broken;
}
