/**
 * The statements on the table, and what goes into them and comes out.
 *
 * Each load and each swap is for many tasks, one row of `unnest` for each. A row's revision is its
 * `xmin`: the transaction that wrote this version of it, which writes a row once. Swaps that make a
 * row and swaps that find one are statements of their own, and each takes its rows in the order of
 * their keys: so no two of them can wait for each other in a circle.
 *
 * The statement that writes also tells of it: few notifications for many swaps, since transactions
 * that notify commit one after the other.
 */
import { entryExpiresAt, type TaskEntry } from '../../record/entry.js';
import { decodeHead, encodeHead } from '../../record/head.js';
import { stateClassOf } from '../../record/listing.js';
import type { Load, Loaded, Swap } from '../../result-backend/compare-and-swap.js';
import { decodeStored, encodeStored } from '../../result-backend/stored-value.js';
import { byteaArray, bytesOf } from './binary-array.js';
import type { Row, Statement, Value } from './postgres-connection.js';
import { channelOf, type PostgresSettings } from './postgres-url.js';

/** The store's clock, in epoch milliseconds. */
export const CLOCK = 'extract(epoch from clock_timestamp()) * 1000';

/** A notification has less than 8,000 bytes; the namespace and a space take at most 65. */
const PAGE_BYTES = 7_900;

/** A load ends with the task that reaches so many bytes: nobody knows how large they are before. */
const LOAD_BYTES = 1_024 * 1_024;

const WANTS_BODY = 1;
const WANTS_LOG = 2;
const WANTS_CONSUMED = 4;

export type PostgresSwap = Swap<string>;

export class TableStatements {
  readonly load: Statement;
  readonly create: Statement;
  readonly replace: Statement;
  readonly notify: Statement;
  /** A write that changes nothing, on a task that nobody can name. */
  readonly probe: Statement;
  /** Each setting by which a commit may be lost, null where it is as it should be. */
  readonly durability: Statement;

  constructor(settings: PostgresSettings) {
    const table = `${settings.schema}.${settings.table}`;
    this.load = {
      name: 'resultd_load',
      text: `
        select at, ${CLOCK}, case when fits then xmin end, case when fits then head end,
          case when fits then progress end, case when fits then body end,
          case when fits then log end, case when fits then consumed end
        from (
          select *, sum(coalesce(octet_length(progress), 0) + coalesce(octet_length(body), 0)
              + coalesce(octet_length(log), 0) + coalesce(octet_length(consumed), 0))
            over (order by at rows between unbounded preceding and 1 preceding)
            < ${LOAD_BYTES} is not false as fits
          from (
            select l.at, t.xmin, t.head, t.progress,
              case when l.wants & ${WANTS_BODY} <> 0 then t.body end as body,
              case when l.wants & ${WANTS_LOG} <> 0 then t.log end as log,
              case when l.wants & ${WANTS_CONSUMED} <> 0 then t.consumed end as consumed
            from unnest($1::text[], $2::text[], $3::int[]) with ordinality
              as l (namespace, task_id, wants, at)
            join ${table} t on t.namespace = l.namespace and t.task_id = l.task_id
          ) found
        ) counted`,
    };
    this.notify = {
      name: 'resultd_notify',
      text: `select pg_notify('${channelOf(settings)}', $1)`,
    };
    this.probe = { name: 'resultd_probe', text: `delete from ${table} where namespace = ''` };
    this.durability = {
      name: 'resultd_durability',
      text: `select
        case when current_setting('fsync') = 'off' then 'fsync = off' end,
        case when current_setting('synchronous_commit') = 'off' then 'synchronous_commit = off' end,
        (select 'an UNLOGGED table' from pg_class
          where oid = '${table}'::regclass and relpersistence <> 'p')`,
    };
    const swaps = `
        select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[],
          $6::bytea[], $7::bytea[], $8::bytea[], $9::int[], $10::float8[], $11::float8[],
          $12::float8[], $13::int[], $14::text[], $15::int[]) with ordinality
        as s (namespace, task_id, revision, head, progress, body, log, consumed, state_class,
          updated_at, expires_at, keep_until, keeps, hint, page, at)`;
    const told = `
        select array_agg(s.at), ${CLOCK}, case when count(s.hint) > 0 then pg_notify(
          '${channelOf(settings)}', s.namespace || ' ' || string_agg(s.hint, ' ')) end`;
    this.create = {
      name: 'resultd_create',
      text: `
        with swap as materialized (${swaps}),
        made as (
          insert into ${table} (namespace, task_id, head, progress, body, log, consumed,
            state_class, updated_at, expires_at, keep_until)
          select namespace, task_id, head, progress, body, log, consumed, state_class, updated_at,
            expires_at, keep_until
          from swap order by namespace, task_id
          on conflict do nothing
          returning namespace, task_id
        )
        ${told}
        from made join swap s using (namespace, task_id) group by s.namespace, s.page`,
    };
    this.replace = {
      name: 'resultd_replace',
      text: `
        with swap as materialized (${swaps}),
        held as materialized (
          select s.at
          from swap s join ${table} t on t.namespace = s.namespace and t.task_id = s.task_id
          where t.xmin::text = s.revision
          order by s.namespace, s.task_id
          for update of t
        ),
        removed as (
          delete from ${table} t using held h join swap s using (at)
          where t.namespace = s.namespace and t.task_id = s.task_id and s.keep_until is null
          returning s.at
        ),
        replaced as (
          update ${table} t set
            head = s.head,
            progress = s.progress,
            body = case when s.keeps & ${WANTS_BODY} <> 0 then t.body else s.body end,
            log = case when s.keeps & ${WANTS_BODY} <> 0 then t.log else s.log end,
            consumed = case when s.keeps & ${WANTS_CONSUMED} <> 0 then t.consumed else s.consumed end,
            state_class = s.state_class,
            updated_at = s.updated_at,
            expires_at = s.expires_at,
            keep_until = s.keep_until
          from held h join swap s using (at)
          where t.namespace = s.namespace and t.task_id = s.task_id and s.keep_until is not null
          returning s.at
        )
        ${told}
        from (select at from removed union all select at from replaced) done
        join swap s using (at) group by s.namespace, s.page`,
    };
  }
}

export function loadValues(loads: readonly Load[]): Value[] {
  const wants = loads.map(
    ({ parts, isForSwap }) =>
      (parts.body ? WANTS_BODY : 0) |
      (parts.log ? WANTS_LOG : 0) |
      (isForSwap ? WANTS_CONSUMED : 0),
  );
  return [
    loads.map(({ namespace }) => namespace),
    loads.map(({ taskId }) => taskId),
    numbers(wants),
  ];
}

const NOTHING: Loaded<string> = { entry: undefined, consumed: [], revision: undefined };

/**
 * What was found of each task, in order: undefined where it is there and did not fit into this load.
 * And the store's clock, where it found any.
 */
export function loadedOf(
  rows: readonly Row[],
  count: number,
): { loaded: (Loaded<string> | undefined)[]; clock: number | undefined } {
  const loaded = new Array<Loaded<string> | undefined>(count).fill(NOTHING);
  for (const row of rows) {
    const [at, , revision, head, progress, body, log, consumed] = row;
    if (revision === null) {
      loaded[Number(at) - 1] = undefined;
      continue;
    }
    const parts = { progress: bytesOf(progress), body: bytesOf(body), log: bytesOf(log) };
    const headBytes = bytesOf(head);
    const stored = bytesOf(consumed);
    loaded[Number(at) - 1] = {
      entry: headBytes === undefined ? undefined : decodeHead(headBytes, parts),
      consumed: stored === undefined ? [] : decodeStored(stored).consumed,
      revision: revision!,
    };
  }
  return { loaded, clock: clockIn(rows) };
}

export function swapValues(swaps: readonly PostgresSwap[]): Value[] {
  const entries = swaps.map(({ to }) => to?.entry);
  const keeps = swaps.map(keepsOf);
  const bytes = (pick: (entry: TaskEntry) => Buffer | undefined) =>
    byteaArray(entries.map((entry) => (entry === undefined ? null : (pick(entry) ?? null))));
  const times = (pick: (entry: TaskEntry) => number) =>
    numbers(entries.map((entry) => (entry === undefined ? null : pick(entry))));
  const kept = (bit: number, pick: (swap: PostgresSwap) => Buffer | null | undefined) =>
    byteaArray(swaps.map((swap, at) => ((keeps[at]! & bit) === 0 ? (pick(swap) ?? null) : null)));
  return [
    swaps.map(({ namespace }) => namespace),
    swaps.map(({ taskId }) => taskId),
    swaps.map(({ from }) => from.revision ?? ''),
    bytes(encodeHead),
    bytes(({ progress }) => progress),
    kept(WANTS_BODY, ({ to }) => to?.entry?.body),
    kept(WANTS_BODY, ({ to }) => to?.entry?.log),
    kept(WANTS_CONSUMED, consumedBytes),
    times(stateClassOf),
    times(({ versionMs }) => versionMs),
    times(entryExpiresAt),
    numbers(swaps.map(({ to }) => to?.keepUntil ?? null)),
    numbers(keeps),
    ...hintsOf(swaps),
  ];
}

/** The places of the swaps that were won, and the store's clock. */
export function wonOf(rows: readonly Row[]): { won: Set<number>; clock: number | undefined } {
  const won = new Set<number>();
  for (const [places] of rows) {
    for (const place of places!.slice(1, -1).split(',')) won.add(Number(place) - 1);
  }
  return { won, clock: clockIn(rows) };
}

/** The second value of each row. */
function clockIn([row]: readonly Row[]): number | undefined {
  return row === undefined ? undefined : Number(row[1]);
}

/** What stays as it is in the row, and is not sent. */
function keepsOf({ from, to }: PostgresSwap): number {
  if (to === undefined) return 0;
  const outcome = to.entry?.outcome;
  return (
    (outcome !== undefined && outcome === from.entry?.outcome ? WANTS_BODY : 0) |
    (to.consumed === from.consumed ? WANTS_CONSUMED : 0)
  );
}

function consumedBytes({ to }: PostgresSwap): Buffer | undefined {
  if (to === undefined || to.consumed.length === 0) return undefined;
  return encodeStored({ entry: undefined, consumed: to.consumed });
}

/** What is told of each swap, and in which notification: as many to one as there is room for. */
function hintsOf(swaps: readonly PostgresSwap[]): [hints: Value, pages: Value] {
  const pages = new Map<string, { page: number; bytes: number }>();
  const places: number[] = [];
  const hints = swaps.map(({ namespace, taskId, hint }) => {
    const text = hint === undefined ? null : `${hint ?? '-'} ${taskId}`;
    const last = pages.get(namespace) ?? { page: 0, bytes: 0 };
    const bytes = last.bytes + (text?.length ?? -1) + 1;
    const next =
      bytes > PAGE_BYTES ? { page: last.page + 1, bytes: text!.length + 1 } : { ...last, bytes };
    pages.set(namespace, next);
    places.push(next.page);
    return text;
  });
  return [hints, numbers(places)];
}

function numbers(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}
