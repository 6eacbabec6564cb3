/**
 * The client of everything that waits, a process of its own: parks many requests, and wakes them by
 * outcomes that it reports at a fixed rate, whether or not the ones before were answered. Writer
 * and waiters share one clock. It is told what to do by its parent, one message at a time.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { HttpSocket, postRequest, waitRequest } from './http-socket.js';
import { OUTCOME, resultPath } from './sample.js';

export interface ParkOrder {
  readonly do: 'park';
  /** Where to, in turn. */
  readonly ports: readonly number[];
  /** The ids are this and a number. */
  readonly prefix: string;
  readonly count: number;
}

/** Reports the outcomes of those ids, parked or not. */
export interface WakeOrder extends Omit<ParkOrder, 'do'> {
  readonly do: 'wake';
  readonly perSecond: number;
}

/** Closes what is parked. */
export interface ReleaseOrder {
  readonly do: 'release';
}

export type Order = ParkOrder | WakeOrder | ReleaseOrder;

export interface Done {
  readonly error: string | undefined;
  /** After a wake, for each waiter: milliseconds from the writer's request to its answer. */
  readonly latenciesMs: readonly number[];
}

const CONNECT_AT_ONCE = 200;
const ANSWERED_WITHIN_MS = 10_000;

/** Each parked request, and when it was answered. */
let parked: { socket: HttpSocket; answeredAt: Promise<number> }[] = [];
const idleWriters = new Map<number, HttpSocket[]>();

async function park({ ports, prefix, count }: ParkOrder): Promise<void> {
  while (parked.length < count) {
    const missing = Math.min(CONNECT_AT_ONCE, count - parked.length);
    const opened = Array.from({ length: missing }, (_, at) =>
      HttpSocket.open(ports[(parked.length + at) % ports.length]!),
    );
    for (const socket of await Promise.all(opened)) {
      const request = waitRequest(resultPath(`${prefix}${parked.length}`));
      const answeredAt = socket.send(request).then(({ status, at }) => {
        if (status !== 200) throw new Error(`a waiter was answered ${status}`);
        return at;
      });
      answeredAt.catch(() => {});
      parked.push({ socket, answeredAt });
    }
  }
}

async function wake({ ports, prefix, count, perSecond }: WakeOrder): Promise<number[]> {
  const sentAt: number[] = [];
  const reports: Promise<void>[] = [];
  const startedAt = performance.now();
  while (sentAt.length < count) {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000);
    while (sentAt.length < Math.min(due, count)) {
      // Each waiter's process hears of its own writes and of the other's, by turns.
      const port = ports[(sentAt.length >> 1) % ports.length]!;
      const writer = await takeWriter(port);
      const path = resultPath(`${prefix}${sentAt.length}`);
      sentAt.push(performance.now());
      reports.push(report(writer, port, path));
    }
    await pause(1);
  }
  const late = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  const isLate = new Promise<never>((_, reject) => {
    late.onabort = () => reject(new Error('a waiter was not answered in time'));
  });
  const answers = Promise.all([
    Promise.all(parked.map((waiter) => waiter.answeredAt)),
    Promise.all(reports),
  ]);
  const [answeredAt] = await Promise.race([answers, isLate]);
  late.onabort = null;
  return answeredAt.map((at, index) => at - sentAt[index]!);
}

/** A connection that is free; a new one where none is: a report never waits for another. */
async function takeWriter(port: number): Promise<HttpSocket> {
  const idle = idleWriters.get(port) ?? [];
  idleWriters.set(port, idle);
  return idle.pop() ?? HttpSocket.open(port);
}

async function report(writer: HttpSocket, port: number, path: string): Promise<void> {
  const { status } = await writer.send(postRequest(path, OUTCOME));
  if (status !== 201) throw new Error(`a report was answered ${status}`);
  idleWriters.get(port)?.push(writer);
}

/** Writers too: a server closes a connection that is idle for long, and others come in between. */
function release(): void {
  for (const writer of [...idleWriters.values()].flat()) writer.close();
  idleWriters.clear();
  for (const { socket } of parked) socket.close();
  parked = [];
}

async function carryOut(order: Order): Promise<Done> {
  let latenciesMs: number[] = [];
  if (order.do === 'park') await park(order);
  else if (order.do === 'wake') latenciesMs = await wake(order);
  else release();
  return { error: undefined, latenciesMs };
}

process.on('message', (order: Order) => {
  carryOut(order)
    .catch((error: unknown): Done => ({ error: String(error), latenciesMs: [] }))
    .then((done) => process.send?.(done));
});
process.stdout.write('ready\n');
