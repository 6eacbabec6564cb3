/**
 * What waits costs little, whatever its clients have sent along: long polls, pipelined requests and event
 * streams with all the headers and filters that they may have, in a process of a small heap.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const HEAP = { NODE_OPTIONS: '--max-old-space-size=128' };
/** About all that a request may have: 190 headers, 15 KiB. */
const HEADERS = Array.from({ length: 190 }, (_, n) => `x-${n}: ${'v'.repeat(70)}\r\n`).join('');
const FILTERS = Array.from({ length: 60 }, (_, n) => `task_id=${`${n}`.padEnd(240, '-')}`).join(
  '&',
);

const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

/** Sends from a connection of its own, and reads what comes. */
async function send(t: Test, port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

t.test('the worst that may wait at once does not end a small heap', async (t) => {
  const service = await ServiceProcess.start(t, { env: HEAP, flags: ['--backend', 'memory:'] });
  const port = Number(new URL(service.origin).port);
  const isAlive = async (): Promise<boolean> => {
    const { status } = await fetch(`${service.origin}/livez`).catch(() => ({ status: 0 }));
    return status === 200;
  };
  const kinds: [name: string, count: number, bytes: string][] = [
    ['long polls with many headers', 1_500, get('/v1/tasks/none/result?wait=50s', HEADERS)],
    [
      'a wait, and a thousand requests behind it',
      20,
      get('/v1/tasks/none/result?wait=50s') + get('/v1/tasks/none/status', HEADERS).repeat(1_000),
    ],
    ['many tiny requests behind a wait', 20, get('/v1/tasks/none/result?wait=50s').repeat(20_000)],
    ['event streams with many filters', 1_500, get(`/v1/events?${FILTERS}`)],
  ];
  for (const [name, count, bytes] of kinds) {
    for (let n = 0; n < count; n += 1) await send(t, port, bytes);
    await until(`it answers beside ${name}`, isAlive);
    t.pass(`${count} × ${name}`);
  }
  service.signal('SIGTERM');
  t.match(await service.exited, { code: 0 }, 'it has lived through all of it');
});
