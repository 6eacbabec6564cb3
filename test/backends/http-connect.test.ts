/** How the HTTP backend finds its service, and what it says where it does not. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import { Broker } from '../../src/broker.js';
import type { ResultdError } from '../../src/errors.js';
import { NEVER, WITH_BODY } from '../../src/record/entry.js';
import { opaqueOutcome } from '../../src/record/outcome.js';
import {
  errorOf,
  expiresIn,
  failure,
  HOUR_MS,
  isError,
  opaque,
  refused,
  sameBytes,
  success,
} from '../conformance/expect.js';
import { makeCertificate } from '../support/certificate.js';
import { FlakyFront } from '../support/flaky-front.js';
import { freePort } from '../support/redis-server.js';
import { RemoteStore } from '../support/remote-store.js';

async function service(t: Test, options = {}): Promise<RemoteStore> {
  const remote = await RemoteStore.memory(options);
  t.teardown(() => remote.stop());
  return remote;
}

async function frontOf(t: Test, remote: RemoteStore, tls?: { cert: Buffer; key: Buffer }) {
  const front = await FlakyFront.start(remote.origin, tls);
  t.teardown(() => front.stop());
  return front;
}

async function started(t: Test, backend: HttpBackend): Promise<HttpBackend> {
  t.teardown(() => backend.shutdown());
  await backend.startup();
  return backend;
}

t.test('a URL of another form is refused, without its credentials', async (t) => {
  const bad: readonly [string, RegExp][] = [
    ['http:', /not valid/],
    ['http://', /not valid/],
    ['http:///path', /not valid/],
    ['https://:secret@', /not valid/],
    ['http://:secret@host:port', /not valid/],
    ['http://:secret@host/#part', /"#"/],
    ['http://:secret@host?timeout=soon', /timeout is "soon"/],
    ['http://:secret@host?timeout=0', /timeout is "0"/],
    ['http://:secret@host?retries=3', /"retries" is not a parameter/],
    ['http://:secret@host?tls_ca=ca.pem', /https/],
    ['https://:secret@host?tls_ca=/no/such/file', /cannot be read/],
    ['http://:%zzsecret@host', /percent-encoded/],
    ['http://:secret%0a@host', /no header can hold/],
  ];
  for (const [url, message] of bad) {
    const error = await errorOf(Broker.fromUrl(url));
    isError(t, error, 'invalid-parameter', url);
    t.match((error as Error).message, message, url);
    t.notMatch(inspect(error), /secret/, `${url}: no credentials`);
  }
  const { resultBackend } = await Broker.fromUrl('https://host:8443/base?timeout=3s');
  t.ok(resultBackend instanceof HttpBackend);
  t.equal(resultBackend.supports.namespaces, false);
  await refused(t, (async () => resultBackend.namespace('other'))(), 'unsupported');
});

t.test('a base path, a token and a password go with every request', async (t) => {
  const remote = await service(t);
  const front = await frontOf(t, remote);
  front.prefix = '/results/v';
  const address = front.url.slice('http://'.length);
  const forms = [
    { url: `http://${address}/results/v/`, authorization: undefined },
    { url: `http://t%2Bken@${address}/results/v`, authorization: 'Bearer t+ken' },
    { url: `http://:t%2Bken@${address}/results/v`, authorization: 'Bearer t+ken' },
    { url: `http://me:p%40ss@${address}/results/v`, authorization: 'Basic bWU6cEBzcw==' },
    { url: `http://me:p@${address}/results/v`, token: 'other', authorization: 'Bearer other' },
  ];
  for (const { url, authorization, token } of forms) {
    const backend = HttpBackend.fromUrl(url, token === undefined ? {} : { token });
    await started(t, backend);
    await backend.setResult('task', success(1));
    t.equal(front.authorization, authorization, 'a write');
    t.equal((await backend.getMany(['task']))[0]?.ready, true);
    const wait = { taskId: 'task', parts: WITH_BODY, timeoutMs: 50_000, caller: 'a' };
    t.equal((await backend.waits()!.wait(wait).result).reason, 'done');
    t.equal(front.authorization, authorization, 'a wait');
    const unsubscribe = await backend.subscribe(() => {});
    t.equal(front.authorization, authorization, 'a subscription');
    await unsubscribe();
  }
});

t.test(
  'what is not a resultd is never taken for one, nor its 404 for an unknown task',
  async (t) => {
    const remote = await service(t);
    const front = await frontOf(t, remote);
    const backend = await started(t, HttpBackend.fromUrl(front.url));
    const answers = [
      { status: 404, code: 'store-unavailable', message: /not a resultd/ },
      { status: 200, code: 'store-unavailable', message: /not a resultd/ },
      { status: 301, code: 'store-unavailable', message: /redirect.*not followed/ },
      { status: 400, code: 'store-unavailable', message: /not a resultd/ },
      { status: 401, code: 'unauthenticated', message: /asks for credentials/ },
      { status: 403, code: 'forbidden', message: /does not let/ },
      { status: 500, code: 'store-unavailable', message: /not a resultd/ },
    ] as const;
    for (const { status, code, message } of answers) {
      const headers = { location: 'https://user:secret@login/?secret', 'retry-after': '0' };
      front.treat = () => ({ status, headers });
      const calls = {
        startup: HttpBackend.fromUrl(front.url).startup(),
        getStatus: backend.getStatus('task'),
        getMany: backend.getMany(['task']),
        setResult: backend.setResult('task', success(1)),
        delete: backend.delete('task'),
        consume: backend.consume('task'),
        expire: backend.expire('task', 1_000),
        list: backend.list(),
        count: backend.count(),
        subscribe: backend.subscribe(() => {}),
      };
      const found = Object.entries(calls).map(async ([name, call]) => ({
        name,
        error: await errorOf(call),
      }));
      for (const { name, error } of await Promise.all(found)) {
        isError(t, error, code, `${name}, ${status}`);
        t.match((error as Error | undefined)?.message, message, `${name}, ${status}`);
        t.notMatch((error as Error | undefined)?.message, /secret/);
      }
    }
    const json = { 'content-type': 'application/json' };
    front.treat = () => ({ status: 200, headers: json, body: '{"ok":true}' });
    const wait = { taskId: 'task', parts: WITH_BODY, timeoutMs: 10, caller: 'a' };
    const foreign = {
      startup: HttpBackend.fromUrl(front.url).startup(),
      getStatus: backend.getStatus('task'),
      getResult: backend.getResult('task'),
      getMany: backend.getMany(['task']),
      setResult: backend.setResult('task', success(1)),
      setProgress: backend.setProgress('task', { state: 'STARTED' }),
      consume: backend.consume('task'),
      expire: backend.expire('task', 1_000),
      list: backend.list(),
      wait: backend.waits()!.wait(wait).result,
      waitMany: backend.waits()!.waitMany({ ...wait, taskIds: ['task'], target: 1 }).result,
    };
    const errors = await Promise.all(Object.values(foreign).map((call) => errorOf(call)));
    for (const [index, name] of Object.keys(foreign).entries()) {
      isError(t, errors[index], 'store-unavailable', `${name}, JSON of something else`);
    }
    front.treat = () => ({ status: 200, headers: json, body: '{"ready":"]"}' });
    const many = backend.waits()!.waitMany({ ...wait, taskIds: ['task'], target: 1 });
    isError(t, await errorOf(many.result), 'store-unavailable', 'what is no list of ready tasks');
    const elsewhere = HttpBackend.fromUrl(`${remote.url}/elsewhere`);
    const error = await errorOf(elsewhere.startup());
    isError(t, error, 'store-unavailable', 'a path that a resultd does not have');
    t.match((error as Error).message, /path of the URL/);
  },
);

t.test('where nothing is, or not HTTP, the startup says so', async (t) => {
  const nothing = HttpBackend.fromUrl(`http://:secret@127.0.0.1:${await freePort()}`, {
    storeTimeoutMs: 300,
  });
  const error = (await errorOf(nothing.startup())) as ResultdError;
  isError(t, error, 'store-unavailable', 'refused');
  t.match(error.message, /cannot be reached \(ECONNREFUSED\)/);
  t.notMatch(inspect(error), /secret/);
  const { certificate, remote } = await secure(t);
  const front = await frontOf(t, remote, certificate);
  const plain = HttpBackend.fromUrl(front.url.replace('https:', 'http:'), { storeTimeoutMs: 500 });
  isError(t, await errorOf(plain.startup()), 'store-unavailable', 'HTTP where TLS is spoken');
});

async function secure(t: Test) {
  const { cert, key, directory } = makeCertificate(t);
  const certificate = { cert: await readFile(cert), key: await readFile(key) };
  return { certificate, directory, cert, remote: await service(t) };
}

t.test('TLS, with a certificate of its own authority', async (t) => {
  const { certificate, cert, directory, remote } = await secure(t);
  const front = await frontOf(t, remote, certificate);
  const backend = await started(t, HttpBackend.fromUrl(`${front.url}?tls_ca=${cert}`));
  await backend.setResult('task', success(1));
  t.equal(await backend.isResultReady('task'), true);
  const relative = HttpBackend.fromUrl(`${front.url}?tls_ca=cert.pem`, {
    baseDirectory: directory,
  });
  await started(t, relative);
  t.equal(await relative.isResultReady('task'), true);
  const began = performance.now();
  const patient = HttpBackend.fromUrl(front.url, { storeTimeoutMs: 120_000 });
  const error = (await errorOf(patient.startup())) as Error;
  isError(t, error, 'store-unavailable', 'one that nobody trusts');
  t.match(error.message, /TLS does not come about \(DEPTH_ZERO_SELF_SIGNED_CERT/);
  t.ok(performance.now() - began < 100_000, 'it is not tried until the deadline');
  t.ok(join(directory, 'cert.pem') === cert);
});

t.test("without a time to live of its own a record has the service's", async (t) => {
  const remote = await RemoteStore.memory();
  t.teardown(() => remote.stop());
  const own = await started(
    t,
    HttpBackend.fromUrl(remote.url, { resultTtlMs: 2 * HOUR_MS, maxTtlMs: 3 * HOUR_MS }),
  );
  const plain = await started(t, HttpBackend.fromUrl(remote.url));
  const front = await frontOf(t, remote);
  const watched = await started(t, HttpBackend.fromUrl(front.url));
  front.seen.length = 0;
  await watched.setResult('a', success(1));
  await watched.setResult('a', failure());
  await watched.setProgress('a', { state: 'S' });
  t.same(
    front.seen,
    ['PUT /v1/tasks/a/result', 'PUT /v1/tasks/a/result', 'PUT /v1/tasks/a/status'],
    'none is sent',
  );
  expiresIn(t, (await plain.setResult('b', success(1))).snapshot, 24 * HOUR_MS, 'the default');
  expiresIn(t, (await own.setResult('b', success(1))).snapshot, 2 * HOUR_MS, 'an option');
  const long = await own.setResult('b', success(1), { ttlMs: NEVER });
  expiresIn(t, long.snapshot, 3 * HOUR_MS, 'a maximum');
  for (const ttlMs of [0.5, 1, 999_999_999, 1e9, 1.2e12, 3e12]) {
    const { snapshot } = await plain.setResult('c', success(1), { ttlMs });
    expiresIn(t, snapshot, ttlMs, `${ttlMs} ms`);
  }
});

t.test('the service alone judges what has expired', async (t) => {
  const remote = await service(t);
  const front = await frontOf(t, remote);
  const backend = await started(t, HttpBackend.fromUrl(front.url));
  const view =
    '{"task_id":"task","state":"SUCCESS","ready":true,"is_err":false,"version":' +
    '"1718000000000-9f86d081884c7d65.op","progress":{ "meta" : [1.0], "state": "S\\u0041" },' +
    '"content_type":"application/json","size":80,"execution_time":1.50,"extra":{"outcome":1},' +
    '"created_at":"2024-06-10T06:13:20.000Z","updated_at":"2024-06-10T06:13:20.000Z",' +
    '"expires_at":"2024-06-11T06:13:20.000Z"}';
  front.treat = () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: view,
  });
  const status = await backend.getStatus('task');
  t.equal(status?.ready, true, 'by a clock that is behind');
  t.equal(status?.expiresAt, Date.UTC(2024, 5, 11, 6, 13, 20));
  t.equal(status?.executionTime, '1.50');
  t.equal(status?.progress?.state, 'SA');
  sameBytes(t, status?.progress?.meta, '[1.0]', 'the meta');
});

t.test('what HTTP cannot carry is refused, and nothing else is stored in its place', async (t) => {
  const remote = await service(t);
  const backend = await started(t, HttpBackend.fromUrl(remote.url));
  for (const type of ['application/json', 'Application/JSON; charset=utf-8']) {
    await refused(t, backend.setResult('task', opaque('{"return_value":1}', type)), 'media-type');
  }
  const form = opaque('a=b', 'application/x-www-form-urlencoded');
  await refused(t, backend.setResult('task', form), 'media-type');
  const long = opaque('x', `a/${'b'.repeat(2_000)}`);
  await refused(t, backend.setResult('task', long), 'media-type');
  const queued = backend.setProgress('task', { state: 'queued' }, { mode: 'register' });
  await refused(t, queued, 'unsupported');
  t.equal(await backend.getStatus('task'), undefined);
});

t.test('more outcomes than one answer holds are read one by one', async (t) => {
  const remote = await service(t);
  const backend = await started(t, HttpBackend.fromUrl(remote.url, { storeTimeoutMs: 60_000 }));
  const bytes = Buffer.alloc(8_000_000, 'x');
  const ids = Array.from({ length: 10 }, (_, n) => `task-${n}`);
  for (const taskId of ids) await backend.setResult(taskId, opaqueOutcome(bytes, 'text/plain'));
  const found = await backend.getMany(ids, WITH_BODY);
  for (const [n, snapshot] of found.entries()) {
    sameBytes(t, snapshot?.outcome, bytes, `outcome ${n}`);
  }
});
