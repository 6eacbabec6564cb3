/**
 * The layout of the store: what stands in which of LMDB's databases.
 *
 * | database | key | value |
 * | --- | --- | --- |
 * | `meta` | `format` | the number of this layout |
 * | `tasks` | task key | record: head, progress, and a body of up to `INLINE_BYTES` |
 * | `bodies` | task key | a larger body |
 * | `logs` | task key | the log |
 * | `consumed` | task key | the remembered consumes, as a list |
 * | `replays` | task key, NUL, idempotency key | what was consumed, whole |
 * | `expiry` | when (f64 big-endian), kind, task key | nothing |
 * | `listing` | namespace, class, time, id: see `listing-keys.ts` | nothing |
 * | `counts` | namespace | tasks of each class: see `task-counts.ts` |
 *
 * A task key is `<namespace> NUL <id>`. `expiry` has one key for each task that expires (its kind is
 * the task's class) and one for each list of remembered consumes, moved whenever it changes, so that
 * a purge looks only at what has come due. Times are positive, so their bytes sort as they do.
 * `listing` has one key for each task. All are kept in the transaction that writes the task.
 */
import { type DatabaseOptions, open, type RootDatabase } from 'lmdb';
import { shown, storeUnavailable } from '../../errors.js';
import type { Parts, TaskEntry } from '../../record/entry.js';
import { decodeRecord, recordBytes } from '../../result-backend/task-record.js';
import { type Table, TaskCounts } from './task-counts.js';

const FORMAT = '2';
/** Bodies up to this stand beside the head. Changing it needs a new format number. */
export const INLINE_BYTES = 4_096;

/** Below every key. A range needs a start of its own: the default one is not text. */
export const FIRST_KEY = '\0';
/** Above the kind of every expiry key. */
const LAST_KIND = '\x7f';
const EXPIRY_TIME_LENGTH = 8;

/** The kind of the expiry keys of remembered consumes; those of tasks have the task's class. */
export const CONSUMED = 'c';

/** Keys are Latin-1 text, written straight into LMDB's key buffer. */
const KEYS = {
  writeKey: (key: string, target: Buffer, start: number): number =>
    start + target.write(key, start, 'latin1'),
  readKey: (source: Buffer, start: number, end: number): string =>
    source.toString('latin1', start, end),
};

export function taskKeyOf(namespace: string, taskId: string): string {
  return `${namespace}\0${taskId}`;
}

export class TaskTables {
  readonly #root: RootDatabase<Buffer, string>;
  readonly meta: Table;
  readonly tasks: Table;
  readonly bodies: Table;
  readonly logs: Table;
  readonly consumed: Table;
  readonly replays: Table;
  readonly expiry: Table;
  readonly listing: Table;
  readonly counts: TaskCounts;

  private constructor(root: RootDatabase<Buffer, string>, meta: Table) {
    const table = (name: string): Table => openTable(root, name);
    this.#root = root;
    this.meta = meta;
    this.tasks = table('tasks');
    this.bodies = table('bodies');
    this.logs = table('logs');
    this.consumed = table('consumed');
    this.replays = table('replays');
    this.expiry = table('expiry');
    this.listing = table('listing');
    this.counts = new TaskCounts(table('counts'));
  }

  /** Opens the store in a directory that exists. Throws where it has another layout. */
  static async open(path: string): Promise<TaskTables> {
    const root = open<Buffer, string>({
      path,
      // A directory whose name has a dot is one all the same.
      noSubdir: false,
      maxDbs: 9,
      encoding: 'binary',
      // A write is acknowledged after its sync, not before.
      overlappingSync: false,
      // The queue makes the groups; with both, a failed commit is rejected twice, once unseen.
      eventTurnBatching: false,
    });
    try {
      const meta = openTable(root, 'meta');
      const format = meta.get('format')?.toString('latin1');
      if (format === undefined) meta.putSync('format', Buffer.from(FORMAT));
      else if (format !== FORMAT) {
        throw storeUnavailable(
          `the directory ${shown(path)} has a store of format ${shown(format)}, and this version ` +
            `reads ${FORMAT} only: use the version that wrote it, or another directory`,
        );
      }
      return new TaskTables(root, meta);
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  /** No read or write may come after it: LMDB would end the process. */
  async close(): Promise<void> {
    await this.#root.close();
  }

  /** How many tasks are held, the expired ones that are not purged yet included. */
  get storedTasks(): number {
    return this.tasks.getKeysCount({ start: FIRST_KEY });
  }

  /** Runs `write` in a transaction, synced when it resolves; a throw inside undoes all of it. */
  async transaction(write: () => void): Promise<void> {
    // Only a child transaction is undone by a throw.
    await this.#root.childTransaction(() => {
      this.counts.begin();
      write();
      this.counts.flush();
    });
  }

  /** Throws where LMDB has given the whole environment up: only opening it anew helps then. */
  checkUsable(): void {
    this.#root.resetReadTxn();
    this.meta.getBinaryFast('format');
  }

  /** What is stored of a task. Nothing of it shares memory with LMDB's buffers. */
  read(key: string, parts: Parts): TaskEntry | undefined {
    const entry = this.readRecord(key, parts.body);
    const outcome = entry?.outcome;
    if (outcome === undefined || !parts.body) return entry;
    const needsLog = parts.log && outcome.hasLog;
    if (entry!.body !== undefined && !needsLog) return entry;
    return {
      ...entry!,
      body: entry!.body ?? this.bodies.get(key),
      log: needsLog ? this.logs.get(key) : undefined,
    };
  }

  /** What stands in the task's record alone: a larger body and the log do not. */
  readRecord(key: string, withBody: boolean): TaskEntry | undefined {
    const bytes = this.tasks.getBinaryFast(key);
    if (bytes === undefined) return undefined;
    // What is asked for is copied: these bytes are a part of a larger buffer, which the next read
    // overwrites.
    return decodeRecord(Buffer.from(recordBytes(bytes, bytes.length, withBody)), withBody);
  }

  /** The expiry keys of what has expired, the oldest first, from `start` on. */
  expiredKeys(start: string, now: number, limit: number): string[] {
    return Array.from(this.expiry.getKeys({ start, end: expiryKey(now, LAST_KIND, ''), limit }));
  }
}

export function expiryKey(expiresAt: number, kind: string, key: string): string {
  const time = Buffer.allocUnsafe(EXPIRY_TIME_LENGTH);
  time.writeDoubleBE(expiresAt, 0);
  return time.toString('latin1') + kind + key;
}

export function parseExpiryKey(expiry: string): { readonly kind: string; readonly key: string } {
  return { kind: expiry[EXPIRY_TIME_LENGTH]!, key: expiry.slice(EXPIRY_TIME_LENGTH + 1) };
}

function openTable(root: RootDatabase<Buffer, string>, name: string): Table {
  // lmdb's types leave `keyEncoder` out.
  const options: { name: string } & DatabaseOptions = { name, encoding: 'binary' };
  return root.openDB<Buffer, string>(Object.assign(options, { keyEncoder: KEYS }));
}
