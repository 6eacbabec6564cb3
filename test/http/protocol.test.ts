/** HTTP itself, by hand over bare sockets: what is malformed, too large, slow, pipelined or old. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { RawConnection, sendRaw } from '../support/raw-http.js';
import { Service, type ServiceOptions } from '../support/service.js';
import { isProblem, SUCCESS } from './suite/expect.js';

const LIMIT = 64 * 1_024;
const JSON_HEAD = 'Host: localhost\r\nContent-Type: application/json\r\n';

const start = (t: Test, options: ServiceOptions = {}): Promise<Service> =>
  Service.start(t, 'memory:', { bodyLimit: LIMIT, lingerMs: 300, ...options });

/** A PUT of a result, up to its body. */
const put = (path: string, headers: string): string =>
  `PUT ${path}/result HTTP/1.1\r\n${JSON_HEAD}${headers}\r\n`;

async function isUnknown(t: Test, service: Service, path: string): Promise<void> {
  t.equal((await service.call('GET', path)).status, 404, `nothing was stored at ${path}`);
}

t.test('what is not HTTP gets a problem document, and the connection ends', async (t) => {
  const service = await start(t);
  const bad: [name: string, bytes: string, status: number, detail: RegExp][] = [
    ['garbage', 'garbage\r\n\r\n', 400, /Invalid method/],
    [
      'an unknown method',
      'FETCH /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
      400,
      /Invalid method/,
    ],
    ['a bad version', 'GET /livez HTTP/x\r\nHost: localhost\r\n\r\n', 400, /version/],
    ['a space in the target', 'GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, /HTTP/],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, /Invalid method/],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /PRI/],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', 400, /CONNECT/],
    [
      'a header without colon',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nbad\r\n\r\n',
      400,
      /header/,
    ],
    [
      'a control character',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nA: \x01\r\n\r\n',
      400,
      /header/,
    ],
    [
      'two lengths',
      put('/v1/tasks/a', 'Content-Length: 1\r\nContent-Length: 2\r\n'),
      400,
      /Length/,
    ],
    ['a bad length', put('/v1/tasks/a', 'Content-Length: 1x\r\n'), 400, /Content-Length/],
    [
      'a length beside chunks',
      put('/v1/tasks/a', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
      400,
      /Transfer-Encoding/,
    ],
    ['a bad chunk', `${put('/v1/tasks/a', 'Transfer-Encoding: chunked\r\n')}zz\r\n`, 400, /chunk/],
    [
      'huge headers',
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nA: ${'a'.repeat(20_000)}`,
      431,
      /16 KiB/,
    ],
    [
      'a huge target',
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      431,
      /16 KiB/,
    ],
  ];
  for (const [name, bytes, status, detail] of bad) {
    const connection = await RawConnection.open(t, service.port);
    connection.send(Buffer.from(bytes, 'latin1'));
    const answer = await connection.answer();
    t.equal(answer.status, status, name);
    t.equal(answer.headers['content-type'], 'application/problem+json');
    t.equal(answer.headers['cache-control'], 'no-store');
    t.equal(answer.headers.connection, 'close');
    const problem = answer.json();
    t.same(Object.keys(problem), ['type', 'title', 'status', 'detail']);
    t.match(problem, { type: 'urn:resultd:problem:invalid-request', status, detail }, name);
    t.equal(Number(answer.headers['content-length']), answer.body.length);
    await connection.ended();
  }
  await isUnknown(t, service, '/v1/tasks/a');
});

t.test('what is HTTP, but not served, is refused by its own status', async (t) => {
  const service = await start(t, { host: '127.0.0.1', allowedHosts: ['results.example'] });
  const host = 'Host: localhost\r\n';
  const refused: [bytes: string, status: number, code: string, detail: RegExp][] = [
    [
      `${put('/v1/tasks/a', 'Transfer-Encoding: gzip, chunked\r\n')}0\r\n\r\n`,
      501,
      'invalid-request',
      /use chunked/,
    ],
    [`GET /livez HTTP/2.0\r\n${host}\r\n`, 505, 'invalid-request', /HTTP\/1\.1/],
    [`QUERY /v1/tasks HTTP/1.1\r\n${host}\r\n`, 405, 'method-not-allowed', /GET, HEAD/],
    [`GET http:// HTTP/1.1\r\n${host}\r\n`, 400, 'invalid-request', /neither a path nor/],
    ['GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421, 'invalid-request', /not served/],
    [`GET http://evil.example/ HTTP/1.1\r\n${host}\r\n`, 421, 'invalid-request', /not served/],
  ];
  for (const [bytes, status, code, detail] of refused) {
    const answer = await sendRaw(t, service.port, bytes);
    t.equal(answer.status, status, bytes);
    t.match(answer.json(), { type: `urn:resultd:problem:${code}`, status, detail });
  }
  await isUnknown(t, service, '/v1/tasks/a');
  for (const name of [
    'localhost:1',
    '127.0.0.1',
    '[::1]:80',
    'Results.Example:80',
    'a.localhost.',
  ]) {
    const answer = await sendRaw(t, service.port, `GET /livez HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
    t.equal(answer.status, 200, name);
  }
  const elsewhere = await start(t, { host: '0.0.0.0' });
  const any = await sendRaw(t, elsewhere.port, 'GET /livez HTTP/1.1\r\nHost: any\r\n\r\n');
  t.equal(any.status, 200, 'elsewhere, and without a list, any host is served');
});

t.test('an offer to upgrade is ignored, and what follows it is answered', async (t) => {
  const service = await start(t);
  const connection = await RawConnection.open(t, service.port);
  const offer = 'Connection: Upgrade\r\nUpgrade: h2c\r\n';
  connection.send(
    `${put('/v1/tasks/up', `${offer}Content-Length: ${SUCCESS.length}\r\n`)}${SUCCESS}` +
      `GET /v1/tasks/up/result HTTP/1.1\r\nHost: localhost\r\n${offer}\r\n` +
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
  );
  t.equal((await connection.answer()).status, 201);
  t.equal((await connection.answer()).text, SUCCESS);
});

t.test('a condition counts behind many headers, and too many are refused', async (t) => {
  const service = await start(t);
  const tooMany = put('/v1/tasks/a', `${'a:\r\n'.repeat(3_000)}Content-Length: 0\r\n`);
  const refused = await sendRaw(t, service.port, tooMany);
  t.equal(refused.status, 431);
  t.match(refused.json(), {
    type: 'urn:resultd:problem:invalid-request',
    detail: /200 is the limit/,
  });
  const others = 'a:\r\n'.repeat(190);
  const head = put(
    '/v1/tasks/a',
    `${others}If-Match: "x"\r\nContent-Length: ${SUCCESS.length}\r\n`,
  );
  isProblem(t, await sendRaw(t, service.port, head + SUCCESS), 'version-mismatch');
  await isUnknown(t, service, '/v1/tasks/a');
});

t.test('HTTP/1.1 needs one Host, HTTP/1.0 does not', async (t) => {
  const service = await start(t);
  const without = await sendRaw(t, service.port, 'GET /livez HTTP/1.1\r\n\r\n');
  isProblem(t, without, 'invalid-request', /Host/);
  const twice = await sendRaw(t, service.port, 'GET /livez HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n');
  isProblem(t, twice, 'invalid-request', /more than one Host/);
  const old = await RawConnection.open(t, service.port);
  old.send('GET /livez HTTP/1.0\r\n\r\n');
  const answer = await old.answer();
  t.equal(answer.status, 200);
  t.equal(answer.text, '{"status":"ok"}');
  await old.ended();
  const kept = await RawConnection.open(t, service.port);
  for (let round = 0; round < 2; round += 1) {
    kept.send('GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    t.equal((await kept.answer()).status, 200);
  }
});

t.test('a body over the limit is refused by its length, before it is sent', async (t) => {
  const service = await start(t);
  for (const [method, target] of [
    ['POST', '/result'],
    ['PUT', '/result'],
    ['POST', '/exception'],
    ['PUT', '/exception'],
    ['POST', '/status'],
    ['PUT', '/status'],
    ['PUT', '/expiry'],
    ['DELETE', ''],
    ['POST', '/result/consume'],
  ]) {
    const head =
      `${method} /v1/tasks/a${target} HTTP/1.1\r\n${JSON_HEAD}` + `Content-Length: ${LIMIT + 1}`;
    for (const expect of ['', '\r\nExpect: 100-continue']) {
      const connection = await RawConnection.open(t, service.port);
      connection.send(`${head}${expect}\r\n\r\n`);
      const answer = await connection.answer();
      isProblem(t, answer, 'too-large', new RegExp(`${LIMIT}.*RESULTD_BODY_LIMIT`));
      t.equal(answer.headers.connection, 'close');
      await connection.ended();
    }
  }
  await isUnknown(t, service, '/v1/tasks/a');
});

t.test('a body of exactly the limit is taken, one byte more is not', async (t) => {
  const service = await start(t);
  const wrap = (size: number): string => `{"return_value":"${'x'.repeat(size - 19)}"}`;
  for (const [size, status] of [
    [LIMIT, 201],
    [LIMIT + 1, 413],
  ] as const) {
    const body = wrap(size);
    t.equal(body.length, size);
    const path = `/v1/tasks/size-${size}`;
    for (const chunked of [false, true]) {
      const target = `${path}-${chunked}`;
      const bytes = chunked
        ? `${put(target, 'Transfer-Encoding: chunked\r\n')}${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`
        : `${put(target, `Content-Length: ${size}\r\n`)}${body}`;
      const answer = await sendRaw(t, service.port, bytes);
      t.equal(answer.status, status, `${size}, chunked ${chunked}`);
      if (status === 413) await isUnknown(t, service, target);
    }
  }
});

t.test('who sends a body that is too large sees the answer, not a broken pipe', async (t) => {
  const service = await start(t, { lingerMs: 10_000 });
  const body = Buffer.alloc(32 * 1_024 * 1_024, 0x20);
  const call = { body, headers: { 'content-type': 'application/json' } };
  for (let round = 0; round < 3; round += 1) {
    isProblem(t, await service.call('PUT', '/v1/tasks/a/result', call), 'too-large');
  }
  await isUnknown(t, service, '/v1/tasks/a');
});

t.test('an endless chunked body is answered early, held nowhere, and cut off', async (t) => {
  const service = await start(t, { lingerMs: 300 });
  const connection = await RawConnection.open(t, service.port);
  const { socket } = connection;
  const chunk = Buffer.concat([
    Buffer.from('100000\r\n'),
    Buffer.alloc(0x100000, 0x20),
    Buffer.from('\r\n'),
  ]);
  connection.send(put('/v1/tasks/a', 'Transfer-Encoding: chunked\r\n'));
  const answered = connection.answer();
  let sent = 0;
  let most = 0;
  let sentBefore = 0;
  const before = process.memoryUsage().arrayBuffers;
  void answered.then(() => {
    sentBefore = sent;
  });
  while (!socket.destroyed) {
    sent += 1;
    const isFull = !socket.write(chunk);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    if (isFull) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
  isProblem(t, await answered, 'too-large');
  t.ok(sent > sentBefore, `${sentBefore} MiB were sent before the answer, ${sent} in all`);
  t.ok(sentBefore < 16, 'it was answered before it was read whole');
  t.ok(most - before < 48 * 1_024 * 1_024, `at most ${most - before} bytes more were held`);
  await isUnknown(t, service, '/v1/tasks/a');
});

t.test('Expect: 100-continue is continued; another expectation is ignored', async (t) => {
  const service = await start(t);
  const connection = await RawConnection.open(t, service.port);
  const headers = `Content-Length: ${SUCCESS.length}\r\nExpect: 100-continue\r\n`;
  connection.send(put('/v1/tasks/a', headers));
  t.equal((await connection.answer()).status, 100);
  connection.send(SUCCESS);
  t.equal((await connection.answer()).status, 201);
  connection.send('GET /v1/tasks/a/result HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\n\r\n');
  t.equal((await connection.answer()).text, SUCCESS);
});

t.test('a body that is cut off stores nothing', async (t) => {
  const service = await start(t);
  const whole = SUCCESS.length;
  const cut: [name: string, bytes: string][] = [
    ['a', `${put('/v1/tasks/a', `Content-Length: ${whole}\r\n`)}${SUCCESS.slice(0, -1)}`],
    ['b', `${put('/v1/tasks/b', `Content-Length: ${whole + 1}\r\n`)}${SUCCESS}`],
    ['c', put('/v1/tasks/c', 'Content-Length: 5\r\n')],
    [
      'd',
      `${put('/v1/tasks/d', 'Transfer-Encoding: chunked\r\n')}${whole.toString(16)}\r\n${SUCCESS}\r\n`,
    ],
  ];
  for (const [id, bytes] of cut) {
    const halfClosed = await RawConnection.open(t, service.port);
    halfClosed.socket.end(bytes);
    const answer = await halfClosed.answer();
    isProblem(t, answer, 'invalid-request', /ended/);
    await halfClosed.ended();
    const destroyed = await RawConnection.open(t, service.port);
    await new Promise((resolve) => destroyed.socket.write(bytes, resolve));
    destroyed.socket.destroy();
    await isUnknown(t, service, `/v1/tasks/${id}`);
  }
});

t.test('a body that comes byte by byte is taken', async (t) => {
  const service = await start(t);
  for (const chunked of [false, true]) {
    const path = `/v1/tasks/slow-${chunked}`;
    const connection = await RawConnection.open(t, service.port);
    connection.socket.setNoDelay(true);
    const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${SUCCESS.length}`;
    for (const byte of put(path, `${length}\r\n`)) connection.send(byte);
    for (const byte of SUCCESS) {
      await new Promise((resolve) => setImmediate(resolve));
      connection.send(chunked ? `1\r\n${byte}\r\n` : byte);
    }
    if (chunked) connection.send('0\r\n\r\n');
    t.equal((await connection.answer()).status, 201);
    t.equal((await service.call('GET', `${path}/result`)).text, SUCCESS);
  }
});

t.test('pipelined requests are answered in their order', async (t) => {
  const service = await start(t);
  const connection = await RawConnection.open(t, service.port);
  const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  connection.send(
    get('/v1/tasks/p/result?wait=300ms') +
      get('/livez') +
      `${put('/v1/tasks/p', `Content-Length: ${SUCCESS.length}\r\n`)}${SUCCESS}` +
      get('/livez') +
      'HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n' +
      get('/nowhere'),
  );
  t.equal((await connection.answer()).status, 404, 'what changes something waits for all before');
  t.equal((await connection.answer()).text, '{"status":"ok"}');
  t.equal((await connection.answer()).status, 201);
  t.equal((await connection.answer()).text, '{"status":"ok"}');
  t.equal((await connection.answer({ isHead: true })).status, 200);
  isProblem(t, await connection.answer(), 'route-unknown');
});

t.test('garbage behind a request is not taken for its answer', async (t) => {
  const service = await start(t);
  const connection = await RawConnection.open(t, service.port);
  connection.send(
    'GET /v1/tasks/p/result?wait=30s HTTP/1.1\r\nHost: localhost\r\n\r\ngarbage\r\n\r\n',
  );
  await connection.ended();
  t.equal(connection.received, '');
  const { hub } = service.app;
  while (hub.parked > 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal(hub.parked, 0, 'and its waiter is gone');
});

t.test('a body of a GET is ignored, and the connection goes on', async (t) => {
  const service = await start(t);
  const connection = await RawConnection.open(t, service.port);
  for (let round = 0; round < 2; round += 1) {
    connection.send('GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc');
    t.equal((await connection.answer()).status, 200);
  }
});
