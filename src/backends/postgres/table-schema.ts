/**
 * The table: how it is made, and how it is known to be ours. Its comment says which version of it is
 * there, so that nothing else has to be kept beside it.
 *
 * Making it is idempotent, and done under a lock: replicas that start together do it once.
 */
import { ResultdError, shown, storeUnavailable } from '../../errors.js';
import type { PostgresLinks } from './postgres-links.js';
import type { PostgresSettings } from './postgres-url.js';

const VERSION = 1;
/** Any number, the same in every replica: the first bytes of `resultd`. */
const MIGRATION_LOCK = 0x72657375;

/**
 * Times are epoch milliseconds, `infinity` for never; see `table-statements.ts` for the bytes.
 *
 * - `state_class`, `updated_at`, `expires_at`: for lists and counts, of the entry; null without one.
 * - `keep_until`: when nothing of the row is needed any more, the remembered consumes included.
 *
 * The listing index holds all that a count looks at. Vacuum comes early, since each write leaves a
 * dead row behind.
 */
function schemaOf({ schema, table }: PostgresSettings): string {
  return `
    create table if not exists ${schema}.${table} (
      namespace text collate "C" not null,
      task_id text collate "C" not null,
      head bytea,
      progress bytea,
      body bytea,
      log bytea,
      consumed bytea,
      state_class smallint,
      updated_at double precision,
      expires_at double precision,
      keep_until double precision not null,
      primary key (namespace, task_id)
    ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
    create index if not exists ${table}_listing
      on ${schema}.${table} (namespace, state_class, updated_at desc, task_id)
      include (expires_at) where state_class is not null;
    create index if not exists ${table}_expiry on ${schema}.${table} (keep_until);
    comment on table ${schema}.${table} is 'resultd ${VERSION}';`;
}

/** Makes the table where it is missing, or only looks for it. Throws `store-unavailable`. */
export async function prepareTable(
  links: PostgresLinks,
  settings: PostgresSettings,
): Promise<void> {
  const { schema, table, isCreating } = settings;
  const [found] = await links.run(
    'other',
    {
      name: 'resultd_version',
      text: `select to_regnamespace($1) is not null, to_regclass($2) is not null,
        obj_description(to_regclass($2), 'pg_class')`,
    },
    [schema, `${schema}.${table}`],
  );
  const [hasSchema, hasTable, comment] = found!;
  if (hasTable === 't') {
    checkVersion(comment ?? null, settings);
    return;
  }
  if (!isCreating) {
    throw storeUnavailable(
      `PostgreSQL has no table ${shown(`${schema}.${table}`)}, and create=never: run any command ` +
        'once without it, as a role that may create the table',
    );
  }
  const text =
    `select pg_advisory_xact_lock(${MIGRATION_LOCK});` +
    (hasSchema === 't' ? '' : `create schema if not exists ${schema};`) +
    schemaOf(settings);
  // Several statements without parameters are one transaction.
  await links.run('other', { name: '', text }, []);
}

function checkVersion(comment: string | null, { schema, table }: PostgresSettings): void {
  const version = Number(/^resultd (\d+)$/.exec(comment ?? '')?.[1]);
  if (version === VERSION) return;
  const name = shown(`${schema}.${table}`);
  throw new ResultdError(
    'invalid-parameter',
    Number.isNaN(version)
      ? `PostgreSQL's table ${name} is not one of resultd: its comment is ${shown(comment)}. Name another one in the URL`
      : `PostgreSQL's table ${name} has version ${version}, and this resultd knows ${VERSION}: use the resultd that made it, or another table`,
  );
}
