/** Lists, counts and the removal of what has expired: all that goes over the whole table. */
import {
  countsOf,
  type Position,
  type Scan,
  STATE_CLASSES,
  type StateCounts,
} from '../../record/listing.js';
import type { Row, Statement, Value } from './postgres-connection.js';
import type { PostgresSettings } from './postgres-url.js';

/** Rows that are removed in one step. */
export const PURGE_STEP = 500;

/** The clock as a constant of the statement, which an index can be asked by. */
const NOW = 'extract(epoch from now()) * 1000';
const PURGE_LOCK = 0x70757267;

export class TableListing {
  /** Ids and times of each class asked for, in the order of lists. */
  readonly list: Statement;
  readonly count: Statement;
  /** Removes what is not needed any more, unless another replica is about it. */
  readonly purge: Statement;

  constructor({ schema, table }: PostgresSettings) {
    const name = `${schema}.${table}`;
    this.list = {
      name: 'resultd_list',
      text: `
        select c.place, t.task_id, t.updated_at
        from unnest($1::int[]) with ordinality as c (state_class, place)
        cross join lateral (
          select task_id, updated_at from ${name}
          where namespace = $2 and state_class = c.state_class
            and updated_at > $3 and updated_at < $4 and updated_at <= $5
            and (updated_at < $5 or task_id > $6) and expires_at > ${NOW}
          order by updated_at desc, task_id limit $7
        ) t order by c.place, t.updated_at desc, t.task_id`,
    };
    this.count = {
      name: 'resultd_count',
      text: `
        select state_class, count(*) from ${name}
        where namespace = $1 and state_class is not null and expires_at > ${NOW}
        group by state_class`,
    };
    this.purge = {
      name: 'resultd_purge',
      text: `
        with turn as materialized (
          select pg_try_advisory_xact_lock(${PURGE_LOCK}, hashtext('${name}')) as is_mine
        ),
        due as materialized (
          select namespace, task_id from ${name}
          where (select is_mine from turn) and keep_until <= ${NOW}
          order by keep_until limit ${PURGE_STEP} for update skip locked
        ),
        removed as (
          delete from ${name} t using due d
          where t.namespace = d.namespace and t.task_id = d.task_id
          returning 1
        )
        select count(*) from removed`,
    };
  }
}

/** Asks for at most `limit` tasks of each class, behind `position`. */
export function listValues(
  namespace: string,
  { after, before }: Scan,
  classes: readonly number[],
  { position, limit }: { position: Position | undefined; limit: number },
): Value[] {
  const { updatedAt = Number.POSITIVE_INFINITY, taskId = '' } = position ?? {};
  return [`{${classes.join(',')}}`, namespace, after, before, updatedAt, taskId, limit];
}

/** For each class asked for, what was found of it. */
export function positionsOf(rows: readonly Row[], classes: readonly number[]): Position[][] {
  const positions: Position[][] = classes.map(() => []);
  for (const [place, taskId, updatedAt] of rows) {
    positions[Number(place) - 1]!.push({ taskId: taskId!, updatedAt: Number(updatedAt) });
  }
  return positions;
}

export function countsIn(rows: readonly Row[]): StateCounts {
  const counts = STATE_CLASSES.map(() => 0);
  for (const [stateClass, count] of rows) counts[Number(stateClass)] = Number(count);
  return countsOf(counts);
}
