/**
 * Clients that send many requests without waiting for the answers, and leave, or do not read: what
 * they cost is bounded, and the others are served.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { RawConnection } from '../support/raw-http.js';
import { Service } from '../support/service.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const MIB = 1_024 * 1_024;
const FLOOD = 20_000;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** So many connections that have sent the same bytes, and are not read from. */
async function sendFrom(t: Test, port: number, count: number, bytes: string): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.on('error', () => {}).pause();
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.write(bytes);
  return sockets;
}

/** Asks until the answer is another one than 503. */
async function askUntilServed(url: string): Promise<Response> {
  let answer: Response | undefined;
  await until('it is served', async () => {
    answer = await fetch(url);
    if (answer.status !== 503) return true;
    await answer.body?.cancel();
    return false;
  });
  return answer!;
}

/** The most memory that a process has had, in MiB. */
async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

t.test('hundreds who pipeline lists and leave do not end a process of a small heap', async (t) => {
  const env = { NODE_OPTIONS: '--max-old-space-size=96' };
  const service = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'], env });
  const items = Array.from({ length: 1_000 }, (_, n) => ({
    task_id: `task-${n}`,
    progress: { state: 'STARTED', meta: 'm'.repeat(1_000) },
  }));
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ items });
  const filled = await fetch(`${service.origin}/v1/batch/set`, { method: 'POST', headers, body });
  t.equal((await filled.text()).split('"code":201').length, 1_001);
  const { port } = new URL(service.origin);
  const list = get('/v1/tasks?limit=1000');
  const sockets = await sendFrom(t, Number(port), 200, list.repeat(20));
  for (const socket of sockets) socket.destroy();
  const answer = await askUntilServed(`${service.origin}/v1/tasks?limit=1000`);
  t.equal(answer.status, 200);
  t.equal(((await answer.json()) as { items: unknown[] }).items.length, 1_000);
});

t.test('of large answers that nobody reads, a bounded number is in memory', async (t) => {
  const service = await ServiceProcess.start(t, { flags: ['--backend', `lmdb:${t.testdir()}`] });
  const put = async (id: string, length: number): Promise<void> => {
    const body = Buffer.alloc(length);
    const headers = { 'content-type': 'application/octet-stream' };
    const url = `${service.origin}/v1/tasks/${id}/result`;
    t.equal((await fetch(url, { method: 'PUT', headers, body })).status, 201);
  };
  await put('large', 7 * MIB);
  await put('small', 1_000);
  const { port } = new URL(service.origin);
  const large = get('/v1/tasks/large/result');
  const sockets = await sendFrom(t, Number(port), 40, large.repeat(20));
  await until('there are too many', async () => {
    const answer = await fetch(`${service.origin}/v1/tasks/large/result`);
    if (answer.status === 503) t.match(await answer.text(), /overloaded.*try again/);
    else await answer.body?.cancel();
    return answer.status === 503;
  });
  t.equal((await fetch(`${service.origin}/v1/tasks/small/result`)).status, 200, 'small ones go on');
  await put('other', 7 * MIB);
  const consume = `${service.origin}/v1/tasks/other/result/consume`;
  const taken = await fetch(consume, { method: 'POST' });
  t.equal(taken.status, 200, 'what is taken from the store is given');
  t.equal((await taken.arrayBuffer()).byteLength, 7 * MIB);
  for (const socket of sockets) socket.destroy();
  const answer = await askUntilServed(`${service.origin}/v1/tasks/large/result`);
  t.equal((await answer.arrayBuffer()).byteLength, 7 * MIB);
  const peak = await peakMiB(service.pid);
  t.ok(peak < 800, `${peak} MiB`);
});

t.test('who does not read a large answer at all is cut', async (t) => {
  const service = await Service.start(t, 'memory:', { stallMs: 5_000 });
  const body = Buffer.alloc(8 * MIB);
  const headers = { 'content-type': 'application/octet-stream' };
  await service.call('PUT', '/v1/tasks/a/result', { body, headers });
  const [socket] = await sendFrom(t, service.port, 1, get('/v1/tasks/a/result'));
  const { server } = service.app.http;
  const [connection] = await once(server, 'request').then(([request]) => [request.socket]);
  await once(connection, 'close');
  t.notOk(connection.readable);
  socket?.destroy();
  const next = await RawConnection.open(t, service.port);
  next.send(get('/v1/tasks/a/result'));
  t.equal((await next.answer()).body.length, 8 * MIB);
  next.send(get('/v1/tasks/b/result?wait=6s'));
  t.equal((await next.answer()).status, 404, 'a wait on the same connection may take longer');
});

t.test('answers to large batches that nobody reads are bounded, and cut', async (t) => {
  const service = await Service.start(t, 'memory:', {
    stallMs: 5_000,
    maxLargeAnswerBytes: 8 * MIB,
  });
  const body = Buffer.alloc(MIB);
  const headers = { 'content-type': 'application/octet-stream' };
  await service.call('PUT', '/v1/tasks/a/result', { body, headers });
  const batch = JSON.stringify({ task_ids: new Array(20).fill('a'), include: 'outcome' });
  const post = `POST /v1/batch/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${batch.length}\r\n\r\n${batch}`;
  const connections: Socket[] = [];
  service.app.http.server.on('request', ({ socket }: { socket: Socket }) => {
    connections.push(socket);
  });
  const [socket] = await sendFrom(t, service.port, 1, post);
  await until('its answer is on its way', () => (connections[0]?.bytesWritten ?? 0) > 0);
  const ask = () =>
    service.call('POST', '/v1/batch/get', {
      body: batch,
      headers: { 'content-type': 'application/json' },
    });
  await until('another one is refused', async () => (await ask()).status === 503);
  await until('who does not read is cut', () => connections[0]!.destroyed);
  socket?.destroy();
  await until('and the next one served', async () => (await ask()).status === 200);
});

t.test('pipelined waits end with their connection, and few of them run', async (t) => {
  const service = await Service.start(t);
  const { hub } = service.app;
  for (const count of [8, 500]) {
    const waits = Array.from({ length: count }, (_, n) => get(`/v1/tasks/${n}/result?wait=55s`));
    const [socket] = await sendFrom(t, service.port, 1, waits.join(''));
    await until('they wait', () => hub.parked === 8);
    t.equal((await service.call('GET', '/livez')).status, 200);
    t.equal(hub.parked, 8);
    socket?.destroy();
    await until('nobody waits', () => hub.parked === 0);
  }
});

t.test('any number of pipelined requests are answered, in order', async (t) => {
  const service = await Service.start(t);
  const connection = await RawConnection.open(t, service.port);
  const ids = Array.from({ length: 3_000 }, (_, n) => `task-${n}`);
  connection.send(ids.map((id) => get(`/v1/tasks/${id}/result`)).join(''));
  let inOrder = 0;
  for (const id of ids) {
    const { status, text } = await connection.answer();
    if (status === 404 && text.includes(`\\"${id}\\"`)) inOrder += 1;
  }
  t.equal(inOrder, ids.length);
});

t.test('who floods behind a wait is not read from until it has ended', async (t) => {
  const service = await Service.start(t);
  let requests = 0;
  service.app.http.server.on('request', () => {
    requests += 1;
  });
  const flood = get('/v1/tasks/b/status').repeat(FLOOD);
  const [socket] = await sendFrom(t, service.port, 1, get('/v1/tasks/a/result?wait=55s') + flood);
  let before = 0;
  await until('no more are taken', async () => {
    before = requests;
    await pause(200);
    return requests > 0 && requests === before;
  });
  // What one read of the socket brings; all of them without a bound.
  t.ok(requests < FLOOD / 4, `${requests} requests`);
  socket?.resume();
  await service.call('PUT', '/v1/tasks/a/result', {
    body: '{"is_err":false,"return_value":1}',
    headers: { 'content-type': 'application/json' },
  });
  await until('all are taken', async () => requests === FLOOD + 2);
});
