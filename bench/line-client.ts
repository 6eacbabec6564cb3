/**
 * The client of `batch/set`, a process of its own: streams lines made beforehand, in which it only
 * overwrites a number in each id, and counts the answers. It is told what to do by its parent.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { OUTCOME } from './sample.js';

export interface StreamOrder {
  readonly port: number;
  /** That no other order to this server has. */
  readonly prefix: string;
  readonly streams: number;
  readonly seconds: number;
}

export interface Streamed {
  readonly error: string | undefined;
  /** Outcomes that were answered 201. */
  readonly created: number;
  /** Seconds until the last answer was there. */
  readonly seconds: number;
}

const LINES = 64;
const HEAD =
  'POST /v1/batch/set HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n' +
  'Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n';
const CREATED = Buffer.from('"code":201');
const DIGITS = 8;

/** One HTTP chunk of lines, and where the number of each line's id is. */
function chunkOf(prefix: string): { chunk: Buffer; places: number[] } {
  const lines = Array.from(
    { length: LINES },
    (_, at) => `{"task_id":"${prefix}-${10 + at}-00000000","outcome":${OUTCOME}}\n`,
  );
  const body = lines.join('');
  const start = `${body.length.toString(16)}\r\n`;
  const places: number[] = [];
  let from = start.length;
  for (const line of lines) {
    places.push(from + line.indexOf('-00000000"') + 1);
    from += line.length;
  }
  return { chunk: Buffer.from(`${start}${body}\r\n`), places };
}

/** Resolves to how many were created, once the answer is there whole. */
async function stream(port: number, prefix: string, until: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const created = countAnswers(socket);
  const { chunk, places } = chunkOf(prefix);
  await written(socket, HEAD);
  let sent = 0;
  while (performance.now() < until) {
    const number = String(sent).padStart(DIGITS, '0');
    for (const place of places) chunk.write(number, place, 'latin1');
    // The buffer is free again only once the kernel has it.
    await written(socket, chunk);
    sent += 1;
  }
  await written(socket, '0\r\n\r\n');
  const count = await created;
  if (count === sent * LINES) return count;
  throw new Error(`of ${sent * LINES} outcomes, ${count} were created`);
}

function written(socket: Socket, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

function countAnswers(socket: Socket): Promise<number> {
  let count = 0;
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = all.indexOf(CREATED);
    let end = 0;
    for (; at >= 0; at = all.indexOf(CREATED, end)) {
      count += 1;
      end = at + CREATED.length;
    }
    rest = all.subarray(Math.max(end, all.length - CREATED.length + 1));
  });
  return new Promise((resolve, reject) => {
    socket.once('end', () => resolve(count));
    socket.once('error', reject);
  });
}

async function carryOut({ port, prefix, streams, seconds }: StreamOrder): Promise<Streamed> {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  const counts = await Promise.all(
    Array.from({ length: streams }, (_, at) => stream(port, `${prefix}${10 + at}`, until)),
  );
  return {
    error: undefined,
    created: counts.reduce((sum, count) => sum + count, 0),
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

process.on('message', (order: StreamOrder) => {
  carryOut(order)
    .catch((error: unknown): Streamed => ({ error: String(error), created: 0, seconds: 0 }))
    .then((done) => process.send?.(done));
});
process.stdout.write('ready\n');
