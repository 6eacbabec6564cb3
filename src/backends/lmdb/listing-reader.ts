/**
 * Lists and counts out of the indexes. A page is a merge of one range for each class that is asked
 * for; a count is the namespace's row without what has expired and is not purged yet.
 *
 * Long scans let the event loop turn now and then. Between two turns tasks may be written and the
 * store may be opened anew, so each turn asks for the tables, and a task whose record is no longer of
 * the time that its key says has changed meanwhile, and is left out.
 */
import { liveEntry, loadedBytes } from '../../record/entry.js';
import {
  countsOf,
  isInScan,
  type Listed,
  type Scan,
  type StateCounts,
  stateClassesIn,
} from '../../record/listing.js';
import { ownTurn } from '../../timing.js';
import { listingKey, placeOf, placeStart, taskIdAt } from './listing-keys.js';
import { CONSUMED, FIRST_KEY, parseExpiryKey, type TaskTables, taskKeyOf } from './task-tables.js';

type Open = () => Promise<TaskTables>;

/** Keys read at once of one class. */
const CHUNK = 128;
/** Tasks looked at in one turn of the event loop: a few milliseconds. */
const TURN_TASKS = 500;
/** The same for expiry keys, which are not followed to their tasks. */
const TURN_KEYS = 5_000;

/** The live tasks of a scan, in the order of lists. */
export async function listTasks(open: Open, namespace: string, scan: Scan): Promise<Listed[]> {
  const classes = stateClassesIn(scan).map(String);
  const ranges = classes.map((stateClass) => new ClassRange(namespace, stateClass, scan));
  const page: Listed[] = [];
  const now = Date.now();
  let tables = await open();
  let bytes = 0;
  for (let looked = 1; page.length < scan.limit; looked += 1) {
    if (bytes > scan.maxBytes && page.length > 1) break;
    const place = takeFirst(ranges, tables);
    if (place === undefined) break;
    const taskId = taskIdAt(place);
    const entry = liveEntry(tables.readRecord(taskKeyOf(namespace, taskId), false), now);
    if (entry !== undefined && placeOf(entry.versionMs, taskId) === place) {
      if (isInScan({ taskId, entry }, scan)) {
        page.push({ taskId, entry });
        bytes += loadedBytes(entry);
      }
    }
    if (looked % TURN_TASKS === 0) {
      await ownTurn();
      tables = await open();
    }
  }
  return page;
}

/** How many live tasks there are. Exact but for what is written while it counts a long backlog. */
export async function countTasks(open: Open, namespace: string): Promise<StateCounts> {
  let tables = await open();
  const counts = tables.counts.read(namespace);
  const now = Date.now();
  const inNamespace = taskKeyOf(namespace, '');
  for (let start = FIRST_KEY; ; ) {
    const due = tables.expiredKeys(start, now, TURN_KEYS);
    for (const expiry of due) {
      const { kind, key } = parseExpiryKey(expiry);
      if (kind !== CONSUMED && key.startsWith(inNamespace)) counts[Number(kind)]! -= 1;
    }
    if (due.length < TURN_KEYS) break;
    start = `${due.at(-1)}\0`;
    await ownTurn();
    tables = await open();
  }
  return countsOf(counts.map((count) => Math.max(count, 0)));
}

/** Takes the lowest place of all ranges; undefined where all are at their end. */
function takeFirst(ranges: readonly ClassRange[], tables: TaskTables): string | undefined {
  let first: ClassRange | undefined;
  let lowest: string | undefined;
  for (const range of ranges) {
    const place = range.peek(tables);
    if (place === undefined || (lowest !== undefined && lowest <= place)) continue;
    first = range;
    lowest = place;
  }
  first?.next();
  return lowest;
}

/** The places of one class within a scan, read chunk by chunk. */
class ClassRange {
  readonly #placeStart: number;
  readonly #end: string;
  #start: string;
  #keys: readonly string[] = [];
  #at = 0;
  #isAtEnd: boolean;

  constructor(namespace: string, stateClass: string, { after, before, position }: Scan) {
    const keyAt = (place: string) => listingKey(namespace, stateClass, place);
    this.#placeStart = placeStart(namespace);
    // Bounds are exclusive, and times are whole milliseconds.
    const fromBefore = keyAt(placeOf(Math.ceil(before) - 1, ''));
    const fromPosition =
      position === undefined ? '' : `${keyAt(placeOf(position.updatedAt, position.taskId))}\0`;
    this.#start = fromBefore > fromPosition ? fromBefore : fromPosition;
    this.#end =
      after < 0
        ? listingKey(namespace, String.fromCharCode(stateClass.charCodeAt(0) + 1), '')
        : keyAt(placeOf(Math.floor(after), ''));
    this.#isAtEnd = before <= 0 || this.#start >= this.#end;
  }

  peek(tables: TaskTables): string | undefined {
    if (this.#at === this.#keys.length && !this.#isAtEnd) this.#read(tables);
    return this.#keys[this.#at]?.slice(this.#placeStart);
  }

  next(): void {
    this.#at += 1;
  }

  #read(tables: TaskTables): void {
    const range = { start: this.#start, end: this.#end, limit: CHUNK };
    this.#keys = Array.from(tables.listing.getKeys(range));
    this.#at = 0;
    this.#isAtEnd = this.#keys.length < CHUNK;
    this.#start = `${this.#keys.at(-1)}\0`;
  }
}
