/**
 * The end of a running service: with a thousand who wait and writers who go on, with a store that is
 * frozen, with clients that are slow, and with an operator who will not wait.
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import { Broker } from '../../src/broker.js';
import { ParkedClient } from '../support/parked-clients.js';
import { RawConnection } from '../support/raw-http.js';
import { RedisServer } from '../support/redis-server.js';
import { ServiceProcess } from '../support/service-process.js';

const WAITERS = 1_000;
const WRITERS = 16;
const DRAIN_MS = 6_000;
/** What shutting down may take beyond the drain: 10 s, and what a busy machine takes. */
const CLOSE_MS = 60_000;

async function startRedis(t: Test): Promise<RedisServer> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  return redis;
}

async function start(t: Test, backend: string, flags: string[] = []): Promise<ServiceProcess> {
  return ServiceProcess.start(t, {
    flags: ['--backend', backend, '--drain', `${DRAIN_MS}ms`, ...flags],
  });
}

const portOf = ({ origin }: ServiceProcess): number => Number(new URL(origin).port);

/** Waiters for tasks of their own, ten to a task, all of them parked. */
async function park(service: ServiceProcess, count: number): Promise<ParkedClient[]> {
  const port = portOf(service);
  const path = (n: number): string => `/v1/tasks/parked-${n % 100}/result?wait=50s`;
  const clients = await ParkedClient.askMany(port, count, path);
  // A later wait has been read from the store.
  await (await ParkedClient.ask(port, '/v1/tasks/none/result?wait=1ms')).ended;
  return clients;
}

/** What became of one writer, who wrote until it could not. */
interface Written {
  /** The ids that were acknowledged, and when, by `performance.now()`. */
  readonly acknowledged: { readonly id: string; readonly at: number }[];
  readonly failedAt: number;
  readonly failure: string;
}

async function write(pool: Pool, writer: number): Promise<Written> {
  const acknowledged: Written['acknowledged'][number][] = [];
  for (let n = 0; ; n += 1) {
    const id = `written-${writer}-${n}`;
    const startedAt = performance.now();
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `/v1/tasks/${id}/result`,
        headers: { 'content-type': 'application/json' },
        body: `{"return_value":"${id}"}`,
      });
      const text = await body.text();
      if (statusCode !== 201) return { acknowledged, failedAt: startedAt, failure: text };
      acknowledged.push({ id, at: performance.now() });
      await pause(5); // what is to be shown needs no load
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { acknowledged, failedAt: startedAt, failure: code ?? message };
    }
  }
}

t.test(
  'a thousand waiters are answered over the drain, and writers served to its end',
  async (t) => {
    const redis = await startRedis(t);
    const service = await start(t, redis.url);
    const pool = new Pool(service.origin, { connections: WRITERS });
    t.teardown(() => pool.destroy());
    const idle = await RawConnection.open(t, portOf(service));
    const busy = await RawConnection.open(t, portOf(service));
    for (const connection of [idle, busy]) {
      connection.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      t.equal((await connection.answer()).headers.connection, 'keep-alive');
    }
    const clients = await park(service, WAITERS);
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(pool, writer));

    const signalledAt = performance.now();
    service.signal('SIGTERM');
    await service.untilOutput(/shutting down/);
    busy.send('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const readiness = await busy.answer();
    t.equal(readiness.status, 503, 'it is not ready at once');
    t.match(readiness.text, 'urn:resultd:problem:draining');
    t.equal(readiness.headers.connection, 'close');

    const endings = await Promise.all(clients.map(({ ended }) => ended));
    t.same(
      endings.filter(({ error }) => error !== undefined),
      [],
      'no connection was cut',
    );
    t.ok(
      endings.every(({ status }) => status === 404),
      'each got the present state',
    );
    t.ok(
      endings.every(({ head }) => /^connection: close$/im.test(head)),
      'and its connection closed',
    );
    const tenths = new Set(
      endings.map(({ at }) => Math.floor(((at - signalledAt) / DRAIN_MS) * 10)),
    );
    t.ok(tenths.size >= 8, `over the whole time: ${[...tenths].join(' ')}`);

    t.same(await service.exited, { code: 0, signal: null });
    const tookMs = performance.now() - signalledAt;
    t.ok(
      tookMs >= DRAIN_MS * 0.9 && tookMs < DRAIN_MS + CLOSE_MS,
      `it took ${Math.round(tookMs)} ms`,
    );
    await idle.ended();
    t.equal(idle.received, '', 'an idle connection was closed at the end');

    const written = await Promise.all(writers);
    for (const { acknowledged, failedAt, failure } of written) {
      const servedMs = failedAt - signalledAt;
      t.ok(servedMs > DRAIN_MS * 0.8, `served for ${Math.round(servedMs)} ms, then ${failure}`);
      t.ok(acknowledged.at(-1)!.at - signalledAt > DRAIN_MS / 2, 'and taken');
    }
    // What connects at the moment of the end may find nobody, or a reset; nothing else is cut. To
    // stop listening without a look at who waits to be accepted would reset nearly all of them.
    const cut = written.filter(({ failure }) => failure !== 'ECONNREFUSED');
    t.ok(cut.length <= WRITERS / 2, `${cut.length} writers saw a reset at the end`);
    const ids = written.flatMap(({ acknowledged }) => acknowledged.map(({ id }) => id));
    t.same(
      await missingOf(t, redis.url, ids),
      [],
      `${ids.length} were acknowledged, and are there`,
    );
  },
);

async function missingOf(t: Test, url: string, ids: readonly string[]): Promise<string[]> {
  const broker = await Broker.fromUrl(url);
  await broker.startup();
  t.teardown(() => broker.shutdown());
  const missing: string[] = [];
  for (const id of ids) {
    const snapshot = await broker.resultBackend.getResult(id);
    if (snapshot?.outcome?.includes(`"return_value":"${id}"`) !== true) missing.push(id);
  }
  return missing;
}

t.test('a store that is frozen does not keep the process from its end', async (t) => {
  const redis = await startRedis(t);
  const service = await start(t, redis.url);
  const clients = await park(service, 100);
  redis.freeze();
  const signalledAt = performance.now();
  service.signal('SIGTERM');
  const endings = await Promise.all(clients.map(({ ended }) => ended));
  t.ok(
    endings.every(({ status, error }) => status === 503 && error === undefined),
    'each waiter is told that the store does not answer',
  );
  t.same(await service.exited, { code: 0, signal: null });
  const tookMs = performance.now() - signalledAt;
  t.ok(tookMs < DRAIN_MS + CLOSE_MS, `it took ${Math.round(tookMs)} ms`);
});

t.test('a client that reads slowly gets all of its answer', async (t) => {
  const service = await start(t, 'memory:', ['--body-limit', '32MiB', '--drain', '0']);
  const pool = new Pool(service.origin);
  t.teardown(() => pool.destroy());
  const value = Buffer.alloc(24 * 1_024 * 1_024, 'x');
  const stored = await pool.request({
    method: 'PUT',
    path: '/v1/tasks/large/result',
    headers: { 'content-type': 'application/octet-stream' },
    body: value,
  });
  await stored.body.dump();
  t.equal(stored.statusCode, 201);
  const socket = connect(portOf(service), '127.0.0.1');
  socket.write('GET /v1/tasks/large/result HTTP/1.1\r\nHost: localhost\r\n\r\n');
  socket.pause();
  await (await ParkedClient.ask(portOf(service), '/v1/tasks/none/result?wait=1ms')).ended;
  service.signal('SIGTERM');
  await service.untilOutput(/shutting down/);
  // Longer than an idle connection is left open.
  await pause(500);
  const answer = Buffer.concat((await socket.toArray()) as Buffer[]);
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  t.ok(body.equals(value), `${body.length} bytes`);
  t.same(await service.exited, { code: 0, signal: null });
});

t.test(
  'a request that never ends is cut when the time is over, and the exit says so',
  async (t) => {
    const service = await start(t, 'memory:', ['--drain', '0']);
    const connection = await RawConnection.open(t, portOf(service));
    connection.send(
      'PUT /v1/tasks/slow/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
        'Content-Length: 100\r\nExpect: 100-continue\r\n\r\n',
    );
    t.equal((await connection.answer()).status, 100, 'it has been accepted');
    const signalledAt = performance.now();
    service.signal('SIGTERM');
    t.same(await service.exited, { code: 1, signal: null });
    t.ok(performance.now() - signalledAt < CLOSE_MS);
    t.match(service.output, 'the time to shut down is over');
  },
);

t.test('a second signal ends it at once', async (t) => {
  const service = await start(t, 'memory:', ['--drain', '300s']);
  const clients = await park(service, 10);
  service.signal('SIGTERM');
  await service.untilOutput(/shutting down/);
  const signalledAt = performance.now();
  service.signal('SIGINT');
  t.same(await service.exited, { code: 1, signal: null });
  t.ok(performance.now() - signalledAt < 60_000, 'the drain would take longer');
  t.match(service.output, 'ending at once');
  await Promise.all(clients.map(({ ended }) => ended));
});
