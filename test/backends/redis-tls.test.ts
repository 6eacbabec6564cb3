/** TLS to one server, to sentinels and what they watch, and to a cluster. */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { type Certificate, makeCertificate } from '../support/certificate.js';
import { connect } from '../support/redis-load.js';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.js';
import { until } from '../support/until.js';

async function serve(t: Test, options: RedisServerOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  t.teardown(() => server.stop());
  return server;
}

function client(t: Test, server: RedisServer, { cert }: Certificate): Redis {
  const admin = new Redis({
    port: server.port,
    host: '127.0.0.1',
    tls: { ca: readFileSync(cert) },
  });
  t.teardown(() => admin.disconnect());
  return admin;
}

/** It works where the certificate is named, and only there. */
async function check(
  t: Test,
  url: string,
  { directory }: Certificate,
  message = /self-signed/,
): Promise<void> {
  const stranger = RedisBackend.fromUrl(url, { storeTimeoutMs: 5_000 });
  await t.rejects(stranger.startup(), { code: 'store-unavailable', message });
  const backend = await connect(t, `${url}?tls_ca=cert.pem`, { baseDirectory: directory });
  await backend.subscribe(() => {});
  await until('a write succeeds', () =>
    backend.setResult('a', { returnValue: 1 }).then(
      () => true,
      () => false,
    ),
  );
  t.equal(await backend.isResultReady('a'), true);
}

t.test('one server', async (t) => {
  const tls = makeCertificate(t);
  await check(t, (await serve(t, { tls })).url, tls);
});

t.test('sentinels', async (t) => {
  const tls = makeCertificate(t);
  const primary = await serve(t, { tls });
  const lines = [`sentinel monitor main 127.0.0.1 ${primary.port} 1`];
  const sentinel = await serve(t, { tls, sentinel: lines });
  await check(t, `rediss+sentinel://127.0.0.1:${sentinel.port}/main`, tls, /no connection to any/);
});

t.test('a cluster', async (t) => {
  const tls = makeCertificate(t);
  const args = ['--tls-cluster', 'yes'];
  const server = await serve(t, { tls, isClusterNode: true, args });
  await client(t, server, tls).call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await check(t, `rediss+cluster://127.0.0.1:${server.port}`, tls);
});
