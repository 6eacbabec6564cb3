/**
 * From a command to the puts that carry it out, inside one transaction of LMDB.
 *
 * A plan is made first (everything is read, decided and encoded) and applied after: what can fail
 * for reasons of one command fails before anything is written for it.
 */

import { entryExpiresAt, NEVER, type TaskEntry } from '../../record/entry.js';
import { stateClassOf } from '../../record/listing.js';
import type { Command } from '../../result-backend/commands.js';
import { type Consumed, type Decision, decide } from '../../result-backend/decide.js';
import {
  decodeConsumed,
  decodeRecord,
  encodeConsumed,
  encodeRecord,
} from '../../result-backend/task-record.js';
import { listingKey, placeOf } from './listing-keys.js';
import {
  CONSUMED,
  expiryKey,
  INLINE_BYTES,
  parseExpiryKey,
  type TaskTables,
} from './task-tables.js';
import type { Plan } from './write-queue.js';

type Puts = () => void;

const NO_BYTES = Buffer.alloc(0);
const NOTHING: readonly Consumed[] = [];

/** Decides on a command and encodes what it writes. */
export function planCommand(tables: TaskTables, key: string, command: Command): Plan<Decision> {
  const isConsume = command.kind === 'consume';
  const before = isConsume
    ? tables.read(key, { body: true, log: true })
    : tables.readRecord(key, true);
  const consumed = readConsumed(tables, key, isConsume ? command.idempotencyKey : undefined);
  const decision = decide(command, { entry: before, consumed }, Date.now());
  const { write, remember } = decision;
  const puts: Puts[] = [];
  if (write !== undefined) puts.push(planEntry(tables, key, before, write));
  if (remember !== undefined) puts.push(planConsumed(tables, key, consumed, remember));
  return { result: decision, puts };
}

/** Removes what the expiry keys stand for, unless it was given another expiry since. */
export function planPurge(tables: TaskTables, expiryKeys: readonly string[]): Plan<void> {
  const puts = expiryKeys.map((expiry): Puts => {
    const { kind, key } = parseExpiryKey(expiry);
    if (kind === CONSUMED) {
      const before = readConsumed(tables, key, undefined);
      if (expiryKeyOf(CONSUMED, key, listExpiresAt(before)) === expiry) {
        return planConsumed(tables, key, before, NOTHING);
      }
    } else {
      const before = tables.readRecord(key, false);
      if (before !== undefined && expiryKeyOf(kind, key, entryExpiresAt(before)) === expiry) {
        return planEntry(tables, key, before, null);
      }
    }
    return () => void tables.expiry.remove(expiry);
  });
  return { result: undefined, puts };
}

/** A write that changes nothing that anyone reads. */
export function planProbe(tables: TaskTables, bytes: number): Plan<void> {
  const probe = Buffer.alloc(bytes);
  return { result: undefined, puts: [() => void tables.meta.put('probe', probe)] };
}

function planEntry(
  tables: TaskTables,
  key: string,
  before: TaskEntry | undefined,
  after: TaskEntry | null,
): Puts {
  const old = before?.outcome;
  const next = after?.outcome;
  const isInline = next !== undefined && next.size <= INLINE_BYTES;
  const record = after === null ? undefined : encodeRecord(after, isInline, false);
  return () => {
    if (record === undefined) tables.tasks.remove(key);
    else tables.tasks.put(key, record);
    if (next !== old) {
      // Bytes that stand apart are put or removed only with their outcome: without a change of it
      // they were not even read.
      if (next !== undefined && !isInline) tables.bodies.put(key, after!.body!);
      else if (old !== undefined && old.size > INLINE_BYTES) tables.bodies.remove(key);
      if (next?.hasLog === true) tables.logs.put(key, after!.log!);
      else if (old?.hasLog === true) tables.logs.remove(key);
    }
    moveIndexes(tables, key, before, after ?? undefined);
  };
}

function planConsumed(
  tables: TaskTables,
  key: string,
  before: readonly Consumed[],
  after: readonly Consumed[],
): Puts {
  const list = encodeConsumed(after);
  const keys = new Set(after.map(({ idempotencyKey }) => idempotencyKey));
  const forgotten = before.filter(({ idempotencyKey }) => !keys.has(idempotencyKey));
  const added = after
    .filter((past) => past.entry !== undefined && !before.includes(past))
    .map((past) => ({
      replayKey: replayKeyOf(key, past.idempotencyKey!),
      record: encodeRecord(past.entry!, true, true),
    }));
  return () => {
    if (after.length === 0) tables.consumed.remove(key);
    else tables.consumed.put(key, list);
    for (const { idempotencyKey } of forgotten) {
      if (idempotencyKey !== undefined) tables.replays.remove(replayKeyOf(key, idempotencyKey));
    }
    for (const { replayKey, record } of added) tables.replays.put(replayKey, record);
    moveExpiry(
      tables,
      expiryKeyOf(CONSUMED, key, listExpiresAt(before)),
      expiryKeyOf(CONSUMED, key, listExpiresAt(after)),
    );
  };
}

/** Moves the task's keys in both indexes, and counts it where it stands now. */
function moveIndexes(
  tables: TaskTables,
  key: string,
  before: TaskEntry | undefined,
  after: TaskEntry | undefined,
): void {
  const namespace = key.slice(0, key.indexOf('\0'));
  const taskId = key.slice(namespace.length + 1);
  const from = before === undefined ? undefined : String(stateClassOf(before));
  const to = after === undefined ? undefined : String(stateClassOf(after));
  if (from !== undefined) {
    tables.listing.remove(listingKey(namespace, from, placeOf(before!.versionMs, taskId)));
  }
  if (to !== undefined) {
    tables.listing.put(listingKey(namespace, to, placeOf(after!.versionMs, taskId)), NO_BYTES);
  }
  if (from !== to) {
    if (from !== undefined) tables.counts.add(namespace, from, -1);
    if (to !== undefined) tables.counts.add(namespace, to, 1);
  }
  moveExpiry(
    tables,
    from === undefined ? undefined : expiryKeyOf(from, key, entryExpiresAt(before!)),
    to === undefined ? undefined : expiryKeyOf(to, key, entryExpiresAt(after!)),
  );
}

function moveExpiry(tables: TaskTables, from: string | undefined, to: string | undefined): void {
  if (from === to) return;
  if (from !== undefined) tables.expiry.remove(from);
  if (to !== undefined) tables.expiry.put(to, NO_BYTES);
}

/** Undefined for what never expires: it has no key in the index. */
function expiryKeyOf(kind: string, key: string, expiresAt: number): string | undefined {
  return expiresAt === NEVER ? undefined : expiryKey(expiresAt, kind, key);
}

/** The remembered consumes; what was consumed is read only for the wanted idempotency key. */
function readConsumed(
  tables: TaskTables,
  key: string,
  wanted: string | undefined,
): readonly Consumed[] {
  const bytes = tables.consumed.get(key);
  if (bytes === undefined) return NOTHING;
  return decodeConsumed(bytes, (idempotencyKey) => {
    if (idempotencyKey !== wanted) return undefined;
    const record = tables.replays.get(replayKeyOf(key, idempotencyKey));
    return record === undefined ? undefined : decodeRecord(record, true);
  });
}

function listExpiresAt(list: readonly Consumed[]): number {
  return list.length === 0 ? NEVER : Math.max(...list.map((past) => past.expiresAt));
}

/** UTF-16, so that no two keys become one. */
function replayKeyOf(key: string, idempotencyKey: string): string {
  return `${key}\0${Buffer.from(idempotencyKey, 'utf16le').toString('latin1')}`;
}
