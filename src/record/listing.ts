/**
 * Lists and counts of tasks: their order, their filters, and the cursor between two pages.
 *
 * Tasks are listed by the time of their last write, the latest first, then by id. A cursor is a
 * position in that order, so a traversal is stable while tasks are written: one that changes moves
 * to the head, and is never seen twice.
 */
import { invalidParameter, shown } from '../errors.js';
import { ownTurn } from '../timing.js';
import { liveEntry, stateOf, type TaskEntry } from './entry.js';
import { checkTaskId } from './names.js';

/** Tasks looked at in one turn of the event loop: a few milliseconds. */
const TURN_TASKS = 20_000;

/** The states that are counted by name; every other one is counted as `other`. */
export const COUNTED_STATES = ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE'] as const;

export type CountedState = (typeof COUNTED_STATES)[number] | 'other';

/** How many tasks there are, by the state that is shown of them. */
export interface StateCounts {
  readonly total: number;
  readonly states: Readonly<Record<CountedState, number>>;
}

/** A place between two tasks of a list: after the task that it names. */
export interface Position {
  /** Epoch milliseconds. */
  readonly updatedAt: number;
  readonly taskId: string;
}

/** What a store is asked to list. */
export interface Scan {
  /** Only tasks that are shown in one of these states; undefined for all. */
  readonly states: readonly string[] | undefined;
  /** Only tasks last written after this, in epoch milliseconds, exclusive. */
  readonly after: number;
  /** Only tasks last written before this, exclusive. */
  readonly before: number;
  /** Only tasks behind this position; undefined for the start. */
  readonly position: Position | undefined;
  /** At most so many. */
  readonly limit: number;
  /** It may stop behind the task with which the progress of all is larger than this. */
  readonly maxBytes: number;
}

export interface Listed {
  readonly taskId: string;
  /** Live, without its outcome's bytes. */
  readonly entry: TaskEntry;
}

/** About how many bytes of progress a page of a list holds at most, beyond its first task. */
export const PAGE_BYTES = 16 * 1_024 * 1_024;

/** Which of the counted states this one is. */
export function countedStateOf(state: string): CountedState {
  return (COUNTED_STATES as readonly string[]).includes(state) ? (state as CountedState) : 'other';
}

/** What stores index tasks by: a class is a place in this list, whose order is part of what they keep. */
export const STATE_CLASSES: readonly CountedState[] = [...COUNTED_STATES, 'other'];
const SUCCESS = STATE_CLASSES.indexOf('SUCCESS');
const FAILURE = STATE_CLASSES.indexOf('FAILURE');

/** The class of an entry. */
export function stateClassOf(entry: TaskEntry): number {
  if (entry.outcome !== undefined) return entry.outcome.isErr ? FAILURE : SUCCESS;
  return STATE_CLASSES.indexOf(countedStateOf(stateOf(entry)));
}

/** The classes that a scan has to look at. Only of `other` it may not want all. */
export function stateClassesIn({ states }: Scan): readonly number[] {
  if (states === undefined) return STATE_CLASSES.map((_, at) => at);
  return [...new Set(states.map((state) => STATE_CLASSES.indexOf(countedStateOf(state))))];
}

/** The counts of a store that counts each class. */
export function countsOf(perClass: readonly number[]): StateCounts {
  const states = noCounts();
  let total = 0;
  for (const [at, count] of perClass.entries()) {
    states[STATE_CLASSES[at]!] = count;
    total += count;
  }
  return { total, states };
}

/** Negative where `a` is listed before `b`. */
export function compareListed(a: Listed | Position, b: Listed | Position): number {
  return writtenAt(b) - writtenAt(a) || (a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0);
}

function writtenAt(place: Listed | Position): number {
  return 'entry' in place ? place.entry.versionMs : place.updatedAt;
}

/** Whether a task belongs to the scan, wherever it stands in it. */
export function isInScan(listed: Listed, { states, after, before, position }: Scan): boolean {
  const { entry } = listed;
  if (entry.versionMs <= after || entry.versionMs >= before) return false;
  if (position !== undefined && compareListed(listed, position) <= 0) return false;
  return states === undefined || states.includes(stateOf(entry));
}

/**
 * The page of a scan out of all tasks of a store that has no index. Expired ones are left out. Tasks
 * may be written meanwhile: other work has its turn now and then.
 */
export async function scanAll(
  tasks: Iterable<{ readonly taskId: string; readonly entry: TaskEntry | undefined }>,
  scan: Scan,
  now: number,
): Promise<Listed[]> {
  const page: Listed[] = [];
  let looked = 0;
  for (const task of tasks) {
    looked += 1;
    if (looked % TURN_TASKS === 0) await ownTurn();
    const entry = liveEntry(task.entry, now);
    if (entry === undefined) continue;
    const listed = { taskId: task.taskId, entry };
    if (!isInScan(listed, scan)) continue;
    page.push(listed);
    // Kept short by sorting now and then: linear in the tasks, whatever their order.
    if (page.length >= 2 * scan.limit + 1_000) {
      page.sort(compareListed).length = scan.limit;
    }
  }
  return onlyLatest(page.sort(compareListed)).slice(0, scan.limit);
}

/** A task that was removed and written anew during the scan is met twice. */
function onlyLatest(sorted: readonly Listed[]): Listed[] {
  const seen = new Set<string>();
  return sorted.filter(({ taskId }) => seen.size < seen.add(taskId).size);
}

/** The counts of all tasks of a store that keeps none, likewise. */
export async function countAll(
  entries: Iterable<TaskEntry | undefined>,
  now: number,
): Promise<StateCounts> {
  const states = noCounts();
  let total = 0;
  let looked = 0;
  for (const stored of entries) {
    looked += 1;
    if (looked % TURN_TASKS === 0) await ownTurn();
    const entry = liveEntry(stored, now);
    if (entry === undefined) continue;
    states[countedStateOf(stateOf(entry))] += 1;
    total += 1;
  }
  return { total, states };
}

/** Whether a scan may stop: what it has listed is more than it was asked to hold. */
export function isLarge(listed: readonly Listed[], { maxBytes }: Scan): boolean {
  if (listed.length < 2) return false;
  let bytes = 0;
  for (const { entry } of listed) bytes += entry.progress?.length ?? 0;
  return bytes > maxBytes;
}

/** As many of the tasks, from the first on, as have a page's bytes of progress; at least one. */
export function withinPage(listed: readonly Listed[]): readonly Listed[] {
  let bytes = 0;
  const end = listed.findIndex(({ entry }, index) => {
    bytes += entry.progress?.length ?? 0;
    return index > 0 && bytes > PAGE_BYTES;
  });
  return end < 0 ? listed : listed.slice(0, end);
}

/** Every state with a count of 0. */
export function noCounts(): Record<CountedState, number> {
  return { PENDING: 0, STARTED: 0, RETRY: 0, SUCCESS: 0, FAILURE: 0, other: 0 };
}

/** The cursor of the page behind this task. Opaque to clients. */
export function encodeCursor({ taskId, entry }: Listed): string {
  return Buffer.from(`${entry.versionMs} ${taskId}`).toString('base64url');
}

/** Throws `invalid-parameter` where it was not made by `encodeCursor`. */
export function decodeCursor(cursor: string): Position {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const match = /^(\d{1,16}) (\S+)$/.exec(text);
  try {
    if (match === null) throw new Error('it has another form');
    checkTaskId(match[2]!);
  } catch {
    throw invalidParameter(
      `the cursor ${shown(cursor)} is not one that this service gave: start again without one`,
    );
  }
  return { updatedAt: Number(match[1]), taskId: match[2]! };
}
