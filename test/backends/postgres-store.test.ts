/**
 * How the PostgreSQL backend uses its server: the table and who may use it, groups that share a
 * commit and its notifications, what is removed and by whom, poolers, TLS, and secrets.
 */
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { PostgresBackend } from '../../src/backends/postgres/postgres-backend.js';
import { Hearing } from '../conformance/hearing.js';
import { storeOperations } from '../conformance/operations.js';
import { makeCertificate } from '../support/certificate.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { PostgresServer, type PostgresServerOptions } from '../support/postgres-server.js';
import { until } from '../support/until.js';

type Options = Parameters<typeof PostgresBackend.fromUrl>[1];

/** Longer than anything that is not stopped takes on a busy machine. */
const LONG_MS = 60_000;
const TABLE = 'resultd_tasks';

async function serve(t: Test, options?: PostgresServerOptions): Promise<PostgresServer> {
  const server = await PostgresServer.start(options);
  t.teardown(() => server.stop());
  return server;
}

function backendOn(t: Test, url: string, options: Options = {}): PostgresBackend {
  const backend = PostgresBackend.fromUrl(url, { storeTimeoutMs: LONG_MS, ...options });
  t.teardown(() => backend.shutdown());
  return backend;
}

async function start(t: Test, url: string, options: Options = {}): Promise<PostgresBackend> {
  const backend = backendOn(t, url, options);
  await backend.startup();
  return backend;
}

const countOf = async (server: PostgresServer, query: string): Promise<number> =>
  (await server.query(query)).rows[0].count;

t.test('many that start at once make one table', async (t) => {
  const { url } = await serve(t);
  const backends = Array.from({ length: 6 }, () => backendOn(t, `${url}?schema=jobs`));
  await Promise.all(backends.map((backend) => backend.startup()));
  await backends[0]!.setResult('task', { returnValue: 1 });
  t.equal(await backends[5]!.isResultReady('task'), true);
});

t.test("the clock is PostgreSQL's: one that is wrong here changes nothing", async (t) => {
  const { url } = await serve(t);
  const backend = await start(t, url);
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  for (const skewMs of [3_600_000, -3_600_000]) {
    Date.now = () => now() + skewMs;
    const { snapshot } = await backend.setResult('a', { returnValue: 1 }, { ttlMs: 600_000 });
    t.ok(Math.abs(snapshot!.expiresAt! - now() - 600_000) < LONG_MS, 'it expires in time');
    t.equal(await backend.isResultReady('a'), true);
    await backend.delete('a');
  }
});

t.test('a table that is not ours, or of another version, is left alone', async (t) => {
  const server = await serve(t);
  await server.query(`create table ${TABLE} (a int)`);
  const refused = (message: RegExp) =>
    t.rejects(backendOn(t, server.url).startup(), { code: 'invalid-parameter', message });
  await refused(/not one of resultd/);
  await server.query(`comment on table ${TABLE} is 'resultd 2'`);
  await refused(/has version 2, and this resultd knows 1/);
  const { rows } = await server.query(`select * from ${TABLE}`);
  t.same(rows, []);
});

t.test('create=never makes nothing; a role with four rights on the table is enough', async (t) => {
  const access = ['host all postgres all trust', 'host all all all scram-sha-256'];
  const server = await serve(t, { access });
  await server.query("create role worker login password 'hunter2'");
  const worker = `postgres://worker:hunter2@127.0.0.1:${server.port}/postgres?create=never`;
  await t.rejects(backendOn(t, worker).startup(), { message: /no table .*create=never/ });
  t.equal(
    await countOf(server, "select count(*)::int from pg_class where relname like 'resultd%'"),
    0,
  );
  await (await start(t, server.url)).shutdown();
  await server.query(`grant select, insert, update, delete on ${TABLE} to worker`);
  const backend = await start(t, worker);
  await backend.setResult('other', { returnValue: 1 });
  for (const [name, call] of Object.entries(storeOperations(backend, 'task'))) {
    const error = await call().then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    t.not(error, 'store-unavailable', name);
  }
  await server.query(`revoke delete on ${TABLE} from worker`);
  await t.rejects(backend.ping(), { code: 'store-unavailable', message: /may not do this.*42501/ });
});

t.test('writes of one turn are one transaction, and all of them are heard of', async (t) => {
  const server = await serve(t);
  const backend = await start(t, `${server.url}?connections=2`);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  // Long ids, so that one notification does not hold all of them.
  const ids = Array.from({ length: 400 }, (_, n) => `${n}-${'x'.repeat(240)}`);
  const receipts = await Promise.all(
    ids.map((id) => backend.setResult(id, { returnValue: 1 }, { mode: 'create' })),
  );
  const transactions = `select count(distinct xmin::text)::int from ${TABLE}`;
  t.ok((await countOf(server, transactions)) <= 2, 'one, but for what the timer of a turn splits');
  const isHeard = () =>
    receipts.every(({ snapshot }, at) => hearing.has(ids[at]!, snapshot!.version));
  t.equal(await hearing.until(isHeard, LONG_MS), true);
  await Promise.all(ids.map((id) => backend.setProgress(id, { state: 'STARTED' })));
  t.ok((await countOf(server, transactions)) <= 2, 'those that replace too');
});

t.test(
  'what has expired is removed by one replica at a time, past rows that are in use',
  async (t) => {
    const server = await serve(t);
    const backend = await start(t, server.url);
    const turn = await server.connect();
    t.teardown(() => turn.end());
    await turn.query(`select pg_advisory_lock(${0x70757267}, hashtext('public.${TABLE}'))`);
    const ids = ['a', 'b', 'c'];
    for (const id of ids) await backend.setResult(id, { returnValue: 1 }, { ttlMs: 1 });
    await turn.query('select pg_sleep(2)');
    const stored = `select count(*)::int from ${TABLE}`;
    t.equal(await countOf(server, stored), 3, 'it is the turn of another one');
    await turn.query(`begin; select from ${TABLE} where task_id = 'b' for update`);
    await turn.query(`select pg_advisory_unlock(${0x70757267}, hashtext('public.${TABLE}'))`);
    await until('the others are removed', async () => (await countOf(server, stored)) === 1);
    await turn.query('rollback');
    await until('it is removed too', async () => (await countOf(server, stored)) === 0);
  },
);

t.test('two replicas hear of each other', async (t) => {
  const { url } = await serve(t);
  const [one, two] = [await start(t, url), await start(t, url)];
  const hearing = new Hearing();
  await two.subscribe(hearing.listener);
  const { snapshot } = await one.setResult('task', { returnValue: 1 });
  t.equal(await hearing.until(() => hearing.has('task', snapshot!.version), LONG_MS), true);
});

t.test('listening through a pooler is refused, not silently deaf', async (t) => {
  const server = await serve(t);
  const pooler = await PgBouncer.start(server);
  t.teardown(() => pooler.stop());
  const [through] = pooler.urlFor(server).split('&listen=');
  const deaf = await start(t, through!, { storeTimeoutMs: 3_000 });
  await deaf.setResult('task', { returnValue: 1 });
  await t.rejects(
    deaf.subscribe(() => {}),
    { message: /give listen in the URL/ },
  );
  const hearing = new Hearing();
  const backend = await start(t, pooler.urlFor(server));
  await backend.subscribe(hearing.listener);
  const { snapshot } = await deaf.setResult('task', { returnValue: 2 });
  t.equal(await hearing.until(() => hearing.has('task', snapshot!.version), LONG_MS), true);
});

t.test('settings by which a crash loses results are warned of', async (t) => {
  const server = await serve(t, { settings: ['synchronous_commit = off'] });
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  await (await start(t, server.url, { onWarning })).shutdown();
  t.match(warnings, [/synchronous_commit = off: a crash loses/]);
  await server.query(`alter table ${TABLE} set unlogged`);
  await server.query('alter system set synchronous_commit = on');
  await server.query('select pg_reload_conf()');
  await start(t, server.url, { onWarning });
  t.match(warnings[1], /UNLOGGED/);
});

t.test(
  'TLS: a certificate is trusted where it is named, and statements are cancelled',
  async (t) => {
    const tls = makeCertificate(t);
    const access = ['hostssl all all all trust'];
    const server = await serve(t, { tls, access });
    const { url } = server;
    await t.rejects(backendOn(t, url).startup(), { message: /28000/ }, 'not without TLS');
    await t.rejects(backendOn(t, `${url}?sslmode=verify-full`).startup(), {
      message: /self-signed/,
    });
    const named = 'sslmode=verify-full&sslrootcert=cert.pem';
    const options = { baseDirectory: tls.directory, storeTimeoutMs: 2_000 };
    for (const query of [named, 'sslmode=require']) {
      const backend = await start(t, `${url}?${query}`, options);
      await backend.subscribe(() => {});
      await backend.setResult('task', { returnValue: 1 });
      t.equal(await backend.isResultReady('task'), true, query);
      const blocker = await server.connect({ ssl: { rejectUnauthorized: false } });
      await blocker.query(`begin; lock table ${TABLE}`);
      await t.rejects(backend.getStatus('task'), { message: /cancelled/ });
      await blocker.end();
    }
  },
);

t.test('no error shows a password, whatever goes wrong', async (t) => {
  const access = ['host all postgres all trust', 'host all all all scram-sha-256'];
  const server = await serve(t, { access });
  await server.query("create role worker login password 'correct'");
  const place = `127.0.0.1:${server.port}`;
  const listen = encodeURIComponent(`postgres://worker:hunter3@${place}/postgres`);
  const wrong: Readonly<Record<string, RegExp>> = {
    [`postgres://worker:hunter2@${place}/postgres`]: /refuses the user or the password/,
    [`postgres://nobody:hunter2@${place}/postgres`]: /refuses the user or the password/,
    'postgres://worker:hunter2@127.0.0.1:1/postgres': /cannot be reached \(ECONNREFUSED/,
    'postgres://worker:hunter2@nowhere.invalid/postgres': /cannot be reached/,
    [`postgres://worker:hunter2@${place}/postgres?sslmode=require`]: /does not support SSL/,
    [`postgres://postgres:hunter2@${place}/nothing`]: /no such database/,
    [`postgres://postgres:hunter2@${place}/postgres?listen=${listen}`]: /refuses the user or/,
  };
  for (const [url, message] of Object.entries(wrong)) {
    const backend = backendOn(t, url);
    const error = await backend
      .startup()
      .then(
        () => backend.subscribe(() => {}),
        (error: unknown) => Promise.reject(error),
      )
      .then(
        () => undefined,
        (error: Error) => error,
      );
    t.match(error, { code: 'store-unavailable', message });
    t.notMatch(inspect(error, { depth: 20, showHidden: true }), /hunter/);
    t.notMatch(inspect(backend, { depth: 20 }), /hunter/);
  }
});
