/**
 * What one task may do, as plain rules: the oracle. It is written apart from `decide`, so that a
 * mistake there shows. It keeps no clock: an expiry is a span of time in which it must lie, since
 * nobody outside the store knows when exactly a call was carried out.
 */
import type { Verdict } from '../../src/result-backend/commands.js';
import type { Asked, Call, Seen } from './history.js';

/** How far the clocks and their rounding may be apart, in milliseconds. */
const SKEW_MS = 5;
/** What is answered where nothing is written. */
const REFUSALS: readonly string[] = ['unchanged', 'conflict', 'mismatch', 'absent', 'not-ready'];

interface Kept {
  readonly name: string;
  /** It expires in this span, in epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** One consume. */
interface Past {
  readonly name: string;
  readonly key: string | undefined;
  readonly seen: Seen | undefined;
  /** Nothing was written since: the same outcome reported first is a late retry. */
  readonly isLatest: boolean;
}

export interface State {
  readonly outcome: Kept | undefined;
  readonly progress: Kept | undefined;
  /** Without what is live; undefined where nobody was told. */
  readonly version: string | undefined;
  /** The version's milliseconds are at least so many. */
  readonly atLeastMs: number;
  readonly consumed: readonly Past[];
}

export const UNKNOWN: State = {
  outcome: undefined,
  progress: undefined,
  version: undefined,
  atLeastMs: 0,
  consumed: [],
};

/** The states that the task may be in after the call; none where its answer cannot be. */
export function after(state: State, call: Call): State[] {
  return possiblyExpired(state, call).flatMap((now) => {
    const next = carryOut(now, call);
    if (next === undefined) return [];
    return [isJudgedLate(call) ? stillThere(state, next) : next];
  });
}

/** Whether expiry was judged only when the store's answer had come. */
function isJudgedLate({ asked, answer, isDecidedOnLoad }: Call): boolean {
  if (asked.kind === 'read') return true;
  return isDecidedOnLoad && answer !== undefined && REFUSALS.includes(answer.verdict);
}

/**
 * What is shown as expired then may have been live when the store looked: so that does not tell that
 * the store had lost it by then.
 */
function stillThere(state: State, read: State): State {
  return {
    ...read,
    outcome: read.outcome ?? state.outcome,
    progress: read.progress ?? state.progress,
    atLeastMs: Math.max(state.atLeastMs, read.atLeastMs),
  };
}

/** What may have expired by the time of the call. Progress never outlives an outcome. */
function possiblyExpired(state: State, call: Call): State[] {
  const states: State[] = [];
  for (const outcome of possibly(state.outcome, call)) {
    const isLost = state.outcome !== undefined && outcome === undefined;
    for (const progress of isLost ? [undefined] : possibly(state.progress, call)) {
      states.push({ ...state, outcome, progress });
    }
  }
  return states;
}

function possibly(kept: Kept | undefined, call: Call): (Kept | undefined)[] {
  if (kept === undefined) return [undefined];
  const choices: (Kept | undefined)[] = [];
  const begun = call.begunMs - SKEW_MS;
  if (kept.to > begun) choices.push({ ...kept, from: Math.max(kept.from, begun) });
  if (kept.from <= call.answeredMs + SKEW_MS) choices.push(undefined);
  return choices;
}

function carryOut(state: State, call: Call): State | undefined {
  const { asked, answer } = call;
  const { verdict, next, shown } = rule(state, asked, call);
  if (answer === undefined) return next;
  if (answer.verdict !== verdict) return undefined;
  if (answer.seen === 'unsaid') return next;
  if (asked.kind !== 'consume' || verdict !== 'done') return matched(next, answer.seen);
  if (shown === 'before') {
    return matched(state, answer.seen) === undefined ? undefined : remembering(next, answer.seen);
  }
  return isReplay(shown!, answer.seen) ? remembering(next, answer.seen, asked.key) : undefined;
}

interface Ruling {
  readonly verdict: Verdict | 'read';
  readonly next: State;
  /** What a consume gives: the task as it was, or what is remembered of an earlier consume. */
  readonly shown?: 'before' | Past;
}

function rule(state: State, asked: Asked, call: Call): Ruling {
  const { outcome, progress, consumed } = state;
  const isKnown = outcome !== undefined || progress !== undefined;
  const keep = (verdict: Verdict | 'read'): Ruling => ({ verdict, next: state });
  switch (asked.kind) {
    case 'read':
      return keep('read');
    case 'outcome':
      return ruleOutcome(state, asked, call);
    case 'progress': {
      if (!holds(state, asked, progress !== undefined)) {
        return keep(progress?.name === asked.name ? 'unchanged' : 'mismatch');
      }
      if (asked.mode === 'register' && isKnown) return keep('unchanged');
      const kept = earlier(keptFor(asked.name, asked.ttlMs, call), outcome);
      const verdict = progress === undefined ? 'created' : 'replaced';
      return { verdict, next: renewed(state, call, { outcome, progress: kept }) };
    }
    case 'expire': {
      if (!holds(state, asked, isKnown)) return keep('mismatch');
      if (!isKnown) return keep('absent');
      const records = {
        outcome: outcome && keptFor(outcome.name, asked.ttlMs, call),
        progress: progress && keptFor(progress.name, asked.ttlMs, call),
      };
      return { verdict: 'done', next: renewed(state, call, records) };
    }
    case 'delete':
      if (!holds(state, asked, isKnown)) return keep('mismatch');
      return { verdict: isKnown ? 'done' : 'absent', next: UNKNOWN };
    case 'consume': {
      const past = consumed.find(({ key }) => key !== undefined && key === asked.key);
      if (past !== undefined) return { verdict: 'done', next: state, shown: past };
      if (!holds(state, asked, outcome !== undefined)) return keep('mismatch');
      if (!isKnown) return keep('absent');
      if (outcome === undefined) return keep('not-ready');
      const taken = { name: outcome.name, key: asked.key, seen: undefined, isLatest: true };
      const next = { ...UNKNOWN, consumed: [...consumed, taken] };
      return { verdict: 'done', next, shown: 'before' };
    }
  }
}

function ruleOutcome(
  state: State,
  asked: Extract<Asked, { kind: 'outcome' | 'progress' }>,
  call: Call,
): Ruling {
  const { outcome, progress, consumed } = state;
  const keep = (verdict: Verdict): Ruling => ({ verdict, next: state });
  const isSame = outcome?.name === asked.name;
  const isCreate = asked.mode === 'create';
  const isLate = consumed.some(({ name, isLatest }) => isLatest && name === asked.name);
  if (isCreate && isLate) return keep('unchanged');
  if (!holds(state, asked, outcome !== undefined)) return keep(isSame ? 'unchanged' : 'mismatch');
  if (isCreate && outcome !== undefined) return keep(isSame ? 'unchanged' : 'conflict');
  const kept = keptFor(asked.name, asked.ttlMs, call);
  const records = { outcome: kept, progress: progress && earlier(progress, kept) };
  const verdict = outcome === undefined ? 'created' : 'replaced';
  return { verdict, next: renewed(state, call, records) };
}

function holds(state: State, asked: Exclude<Asked, { kind: 'read' }>, isThere: boolean): boolean {
  const { ifMatch, ifNoneMatch } = asked.conditions;
  if (ifMatch === '*' && !isThere) return false;
  if (ifNoneMatch === '*' && isThere) return false;
  const tag = state.version === undefined ? '' : `${state.version}.${liveOf(state)}`;
  if (Array.isArray(ifMatch) && !ifMatch.includes(tag)) return false;
  return !(Array.isArray(ifNoneMatch) && ifNoneMatch.includes(tag));
}

function liveOf({ outcome, progress }: State): string {
  return (outcome === undefined ? '' : 'o') + (progress === undefined ? '' : 'p');
}

function keptFor(name: string, ttlMs: number, call: Call): Kept {
  return {
    name,
    from: call.begunMs + ttlMs - SKEW_MS,
    to: call.answeredMs + ttlMs + SKEW_MS,
  };
}

function earlier(kept: Kept, bound: Kept | undefined): Kept {
  if (bound === undefined) return kept;
  return { ...kept, from: Math.min(kept.from, bound.from), to: Math.min(kept.to, bound.to) };
}

function renewed(state: State, call: Call, records: Pick<State, 'outcome' | 'progress'>): State {
  const isKnown = state.outcome !== undefined || state.progress !== undefined;
  const atLeastMs = Math.max(isKnown ? state.atLeastMs + 1 : 0, call.begunMs - SKEW_MS);
  const consumed = state.consumed.map((past) => ({ ...past, isLatest: false }));
  return { ...state, ...records, version: undefined, atLeastMs, consumed };
}

/** The state, knowing also what was seen of it; undefined where that was not to be seen. */
function matched(state: State, seen: Seen | undefined): State | undefined {
  const kept = state.outcome ?? state.progress;
  if (kept === undefined || seen === undefined) {
    return kept === undefined && seen === undefined ? state : undefined;
  }
  if (!isNamed(state.outcome?.name, seen.outcome)) return undefined;
  if (!isNamed(state.progress?.name, seen.progress)) return undefined;
  const [version, live] = seen.version.split('.');
  const versionMs = Number(version!.split('-', 1)[0]);
  if (live !== liveOf(state)) return undefined;
  if (state.version === undefined ? versionMs < state.atLeastMs : version !== state.version) {
    return undefined;
  }
  const { expiresAt } = seen;
  if (expiresAt < kept.from - SKEW_MS || expiresAt > kept.to + SKEW_MS) return undefined;
  const known = { ...kept, from: expiresAt, to: expiresAt };
  return {
    ...state,
    ...(state.outcome === undefined ? { progress: known } : { outcome: known }),
    version,
    atLeastMs: versionMs,
  };
}

function isNamed(name: string | undefined, seen: string | undefined): boolean {
  return name === seen || (name !== undefined && seen === '?');
}

/** What the latest consume gave, or that of the key, is known from now on. */
function remembering(state: State, seen: Answered, key?: string): State {
  const { consumed } = state;
  const at =
    key === undefined ? consumed.length - 1 : consumed.findIndex((past) => past.key === key);
  return { ...state, consumed: consumed.map((past, n) => (n === at ? { ...past, seen } : past)) };
}

type Answered = Seen | undefined;

function isReplay(past: Past, seen: Answered): boolean {
  if (seen === undefined || !isNamed(past.name, seen.outcome)) return false;
  return past.seen === undefined || past.seen.version === seen.version;
}
