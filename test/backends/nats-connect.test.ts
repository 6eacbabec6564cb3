/** How the NATS backend gets to its servers: URLs, credentials, rights, the stream. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { nkeys } from '@nats-io/transport-node';
import t, { type Test } from 'tap';
import { NatsBackend, type NatsBackendOptions } from '../../src/backends/nats/nats-backend.js';
import { parseNatsUrl } from '../../src/backends/nats/nats-url.js';
import { type ResultdError, withoutCredentials } from '../../src/errors.js';
import { opaqueOutcome } from '../../src/record/outcome.js';
import { makeCertificate } from '../support/certificate.js';
import { fences, readDocument, section } from '../support/markdown.js';
import { makeOperator } from '../support/nats-jwt.js';
import { NatsServer, type NatsServerOptions, natsVersions } from '../support/nats-server.js';
import { NatsStream } from '../support/nats-stream.js';
import { freePort } from '../support/redis-server.js';
import { until } from '../support/until.js';

async function serve(t: Test, options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await NatsServer.start(options);
  t.teardown(() => server.stop());
  return server;
}

async function connect(t: Test, url: string, options: NatsBackendOptions = {}) {
  const backend = NatsBackend.fromUrl(url, { storeTimeoutMs: 60_000, ...options });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

/** The error of a startup, which must not give away a secret. */
async function refusal(t: Test, url: string, options: NatsBackendOptions = {}) {
  const backend = NatsBackend.fromUrl(url, { storeTimeoutMs: 5_000, ...options });
  const error = await backend.startup().then(
    () => t.fail('it started') as never,
    (error: ResultdError) => error,
  );
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /s3cret|p@ss|p%40ss/);
  await backend.shutdown();
  return error;
}

t.test('a URL names servers, credentials and the stream', async (t) => {
  const plain = parseNatsUrl('nats://');
  t.match(plain, { servers: ['localhost:4222'], bucket: 'resultd', storage: 'file', replicas: 1 });
  t.match(plain, { creates: true, warnsOfSync: true });
  t.equal(plain.tls, undefined);
  const full = parseNatsUrl(
    'tls://u%40:p%40ss@h1:1,[::1],h3?bucket=b_1&storage=memory&replicas=3&create=never&sync_warning=off',
  );
  t.match(full, { servers: ['h1:1', '[::1]:4222', 'h3:4222'], user: 'u@', password: 'p@ss' });
  t.match(full, { bucket: 'b_1', storage: 'memory', replicas: 3, creates: false, tls: {} });
  t.equal(full.warnsOfSync, false);
  t.match(parseNatsUrl('nats://t%3Aken@h'), { token: 't:ken', user: undefined });
  for (const [url, message] of [
    ['nats:h', /write nats:/],
    ['nats://h:0', /write nats:/],
    ['nats://h:99999', /write nats:/],
    ['nats://h1,,h2', /write nats:/],
    ['nats://h/bucket', /write nats:/],
    ['nats://s3cret@h/b', /write nats:/],
    ['nats://%zz@h', /percent-encoded/],
    ['nats://h?bucket=a.b', /the bucket "a.b"/],
    ['nats://h?replicas=6', /replicas is "6"/],
    ['nats://h?storage=disk', /storage is "disk"/],
    ['nats://h?create=yes', /create is "yes"/],
    ['nats://h?prefix=a', /"prefix" is not a parameter/],
    ['nats://h?tls_ca=x', /tls_ca cannot be read/],
    ['nats://h?creds=/nowhere', /creds cannot be read/],
    ['nats://u:s3cret@h?nkey=package.json', /more than one/],
    ['nats://h?tls_ca=package.json', /for a tls: URL only/],
    ['tls://h?tls_cert=package.json', /go together/],
  ] as const) {
    t.throws(() => parseNatsUrl(url), { code: 'invalid-parameter', message }, url);
    t.throws(() => parseNatsUrl(url), { message: /^(?!.*s3cret)/ }, url);
  }
});

t.test('a URL is shown without its secrets', async (t) => {
  t.equal(withoutCredentials('nats://s3cret@h1,h2:1?bucket=b'), 'nats://***@h1,h2:1?bucket=b');
  t.equal(withoutCredentials('tls://u:s3cret@h'), 'tls://***@h');
});

t.test('no server: startup says where and why', async (t) => {
  const port = await freePort();
  const error = await refusal(t, `nats://u:s3cret@127.0.0.1:${port}`);
  t.equal(error.code, 'store-unavailable');
  t.match(error.message, `127.0.0.1:${port}`);
  t.match(error.message, 'ECONNREFUSED');
});

t.test('of several servers one that answers is enough', async (t) => {
  const server = await serve(t);
  const backend = await connect(t, `nats://127.0.0.1:${await freePort()},127.0.0.1:${server.port}`);
  await backend.ping();
});

t.test('a frozen server: startup ends in time', async (t) => {
  const server = await serve(t);
  await server.freeze();
  const error = await refusal(t, server.url, { storeTimeoutMs: 300 });
  t.match(error, { code: 'store-unavailable', message: /did not answer in time/ });
});

t.test('user and password, or a token', async (t) => {
  const config = ['authorization { user: me, password: "p@ss" }'];
  const { port } = await serve(t, { config });
  const refused = { code: 'store-unavailable', message: /refuses the user, the password/ };
  t.match(await refusal(t, `nats://127.0.0.1:${port}`), refused);
  t.match(await refusal(t, `nats://me:s3cret@127.0.0.1:${port}`), refused);
  await (await connect(t, `nats://me:p%40ss@127.0.0.1:${port}`)).ping();
  const other = await serve(t, { config: ['authorization { token: "p@ss" }'] });
  t.match(await refusal(t, `nats://s3cret@127.0.0.1:${other.port}`), refused);
  await (await connect(t, `nats://p%40ss@127.0.0.1:${other.port}`)).ping();
});

t.test('an nkey, out of a file', async (t) => {
  const user = nkeys.createUser();
  const config = [`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`];
  const server = await serve(t, { config });
  const directory = server.directory;
  writeFileSync(join(directory, 'right'), `${Buffer.from(user.getSeed())}\n`);
  writeFileSync(join(directory, 'wrong'), nkeys.createUser().getSeed());
  const options = { baseDirectory: directory };
  await (await connect(t, `nats://127.0.0.1:${server.port}?nkey=right`, options)).ping();
  const error = await refusal(t, `nats://127.0.0.1:${server.port}?nkey=wrong`, options);
  t.match(error.message, /refuses the user/);
});

t.test('a credentials file', async (t) => {
  const { config, credentials, userSeed } = makeOperator();
  const server = await serve(t, { config });
  const options = { baseDirectory: server.directory };
  writeFileSync(join(server.directory, 'right'), credentials);
  writeFileSync(join(server.directory, 'wrong'), makeOperator().credentials);
  writeFileSync(join(server.directory, 'broken'), userSeed);
  await (await connect(t, `nats://127.0.0.1:${server.port}?creds=right`, options)).ping();
  const wrong = await refusal(t, `nats://127.0.0.1:${server.port}?creds=wrong`, options);
  t.match(wrong.message, /refuses the user/);
  const broken = await refusal(t, `nats://127.0.0.1:${server.port}?creds=broken`, options);
  t.equal(broken.code, 'store-unavailable');
  t.notMatch(inspect(broken, { depth: 9 }), userSeed);
});

t.test('TLS, with a certificate that has to be named', async (t) => {
  const { directory, cert, key } = makeCertificate(t);
  const config = [`tls { cert_file: ${JSON.stringify(cert)}, key_file: ${JSON.stringify(key)} }`];
  const { port } = await serve(t, { config });
  const options = { baseDirectory: directory };
  await (await connect(t, `tls://127.0.0.1:${port}?tls_ca=cert.pem`, options)).ping();
  t.match((await refusal(t, `tls://127.0.0.1:${port}`)).message, /SELF_SIGNED|self-signed/);
  const plain = await serve(t);
  const error = await refusal(t, `tls://127.0.0.1:${plain.port}`);
  t.match(error.message, /tls/, 'a server without it is not used');
});

/** The rights that docs/backends.md lists. */
const documented = fences(section(readDocument('docs/backends.md'), '## NATS'))[0]!.text;
const [PUBLISH, SUBSCRIBE] = documented
  .split('subscribe:')
  .map((list) => [...list.matchAll(/"(.+)"/g)].map(([, right]) => right!)) as [string[], string[]];
const PUBLISH_BELOW_2_11 = [
  '$JS.API.STREAM.MSG.DELETE.resultd',
  '$JS.API.CONSUMER.CREATE.resultd',
  '$JS.API.CONSUMER.MSG.NEXT.resultd.*',
];

function permissions(publish: readonly string[], subscribe: readonly string[]): string {
  const list = (names: readonly string[]) => `[${names.map((name) => `"${name}"`).join(', ')}]`;
  const rights = `{ publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } }`;
  return `authorization { users: [{ user: me, password: me, permissions: ${rights} }, { user: admin, password: admin }] }`;
}

for (const version of natsVersions()) {
  t.test(`${version}: a user needs no more than the documented rights`, async (t) => {
    const rights = version === 'debian' ? [...PUBLISH, ...PUBLISH_BELOW_2_11] : PUBLISH;
    const server = await serve(t, { version, config: [permissions(rights, SUBSCRIBE)] });
    const backend = await connect(t, `nats://me:me@127.0.0.1:${server.port}`, { sweepEveryMs: 50 });
    const stream = await NatsStream.open(server.port, 'resultd', { user: 'admin', pass: 'admin' });
    t.teardown(() => stream.close());
    const heard: unknown[] = [];
    await backend.subscribe((hint) => heard.push(hint));
    await backend.ping();
    await backend.setResult('a', opaqueOutcome(Buffer.alloc(1_000_000), 'application/x'));
    await backend.setResult('a', { returnValue: 1 });
    await backend.setResult('gone', opaqueOutcome(Buffer.alloc(1_000_000), 'application/x'), {
      ttlMs: 100,
    });
    t.same(
      (await backend.getMany(['a', 'b'])).map((task) => task?.ready),
      [true, undefined],
    );
    await backend.delete('a');
    await until('hints are heard', () => heard.length >= 4);
    await until('all is purged', async () => {
      return (await stream.pieces()).length + (await stream.tasks()).length === 0;
    });
  });

  t.test(`${version}: the lack of a right is told`, async (t) => {
    for (const missing of [...PUBLISH.slice(0, 3), ...SUBSCRIBE]) {
      const rights = [...PUBLISH, ...PUBLISH_BELOW_2_11].filter((right) => right !== missing);
      const others = SUBSCRIBE.filter((right) => right !== missing);
      const server = await serve(t, { version, config: [permissions(rights, others)] });
      const url = `nats://me:me@127.0.0.1:${server.port}`;
      const backend = NatsBackend.fromUrl(url, { storeTimeoutMs: 5_000 });
      const error = await backend
        .startup()
        .then(() => backend.subscribe(() => {}))
        .then(
          () => t.fail(`without ${missing} it works`) as never,
          (error: ResultdError) => error,
        );
      t.equal(error.code, 'store-unavailable');
      const subject = missing.replace(/\.>$/, '.');
      t.match(error.message, subject, `${missing}: ${error.message}`);
      await backend.shutdown();
    }
  });
}

t.test('a stream that is not there is made, or asked for', async (t) => {
  const server = await serve(t);
  const never = await refusal(t, `${server.url}&create=never`);
  t.match(never, { code: 'store-unavailable', message: /the stream is not there/ });
  await connect(t, server.url);
  await (await connect(t, `${server.url}&create=never`)).ping();
});

t.test('a stream of other settings is refused, and they are named', async (t) => {
  const server = await serve(t);
  await connect(t, server.url);
  const memory = await refusal(t, `${server.url}&storage=memory`);
  t.match(memory, { code: 'invalid-parameter', message: /storage is "file", not "memory"/ });
  const stream = await NatsStream.open(server.port);
  t.teardown(() => stream.close());
  const { config } = await stream.info();
  await stream.ask('STREAM.UPDATE', { ...config, allow_direct: false });
  const error = await refusal(t, `${server.url}&create=never`);
  t.match(error.message, /allow_direct is false, not true/);
  await connect(t, server.url);
  t.equal((await stream.info()).config.allow_direct, true, 'or put right, where that can be done');
});

t.test('replicas below 2.11 are refused', async (t) => {
  const server = await serve(t);
  const error = await refusal(t, `${server.url}&replicas=3`);
  t.match(error, { code: 'invalid-parameter', message: /use 2.11 or newer, or one replica/ });
});

t.test('what an acknowledgement is worth is told at the start', async (t) => {
  const { port } = await serve(t);
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  await connect(t, `nats://127.0.0.1:${port}`, { onWarning });
  await connect(t, `nats://127.0.0.1:${port}?sync_warning=off`, { onWarning });
  const memory = `nats://127.0.0.1:${port}?sync_warning=off&storage=memory&bucket=m`;
  const backend = await connect(t, memory, { onWarning });
  t.equal(backend.supports.durable, false);
  t.match(warnings, [/before it is on disk/, /in memory/]);
  t.equal(warnings.length, 2);
});

t.test('buckets and namespaces are apart, and ids are encoded without collisions', async (t) => {
  const server = await serve(t);
  const one = await connect(t, server.url);
  const two = await connect(t, `${server.url}&bucket=two`);
  const ids = ['a.b', 'a', 'a.b.c', '.a', 'a.', 'a..b', 'a:b', 'a=b', '~', '-', '@+', '...'];
  for (const id of ids) await one.setResult(id, { returnValue: id });
  for (const id of ids) {
    const found = await one.getResult(id);
    t.match(found?.outcome?.toString(), `"return_value":${JSON.stringify(id)}`, id);
    t.equal(await two.getStatus(id), undefined);
    t.equal(await one.namespace('other').getStatus(id), undefined);
  }
});

for (const version of natsVersions()) {
  if (version === 'debian') continue;
  t.test('what the server removes goes no sooner than it should, and leaves a trace', async (t) => {
    const server = await serve(t, { version });
    const backend = await connect(t, server.url);
    const stream = await NatsStream.open(server.port);
    t.teardown(() => stream.close());
    const { snapshot } = await backend.setResult('task', { returnValue: 1 }, { ttlMs: 1_900 });
    for (;;) {
      const isThere = (await backend.getStatus('task')) !== undefined;
      const now = Date.now();
      if (now >= snapshot!.expiresAt!) break;
      if (!isThere) return t.fail(`it was gone ${snapshot!.expiresAt! - now} ms too early`);
    }
    await until('the server has removed it', async () => (await stream.tasks()).length === 0);
    const { state } = await stream.info();
    t.ok(state.subjects?.['resultd.default.task'], 'its trace is there');
    const again = await backend.setResult('task', { returnValue: 2 }, { mode: 'create' });
    t.equal(again.verdict, 'created', 'a new one is made from the trace');
  });
}

for (const version of natsVersions()) {
  if (version === 'debian') continue;
  t.test('a server that is replaced by a newer one keeps its tasks, and no longer', async (t) => {
    const server = await serve(t);
    const before = await connect(t, server.url);
    await before.setResult('long', { returnValue: 1 });
    const { snapshot } = await before.setResult('short', { returnValue: 2 }, { ttlMs: 4_000 });
    await before.shutdown();
    await server.kill();
    await server.restart(version);
    const stream = await NatsStream.open(server.port);
    t.teardown(() => stream.close());
    t.match(await refusal(t, `${server.url}&create=never`), { message: /allow_msg_ttl is false/ });
    for (let start = 1; start <= 2; start += 1) {
      const after = await connect(t, server.url);
      t.equal(await after.isResultReady('long'), true, `start ${start}`);
      await after.setResult(`new-${start}`, { returnValue: 3 }, { ttlMs: 100 });
    }
    await until('the old one and the new ones have been removed', async () => {
      return (await stream.tasks()).join() === 'resultd.default.long';
    });
    t.ok(Date.now() > snapshot!.expiresAt!, 'when it was time');
  });
}
