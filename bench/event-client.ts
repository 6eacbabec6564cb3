/**
 * The client of event streams, a process of its own: holds many readers, and writes outcomes at a
 * fixed rate. Writer and readers share one clock. It is told what to do by its parent, one message
 * at a time. All readers have the same filter, so all are sent the same number of bytes: one of them
 * is parsed, and the others are counted.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { HttpSocket, setRequest } from './http-socket.js';
import { OUTCOME, resultPath } from './sample.js';

export interface ReadOrder {
  readonly do: 'read';
  readonly port: number;
  readonly count: number;
}

/** Opens one stream more, from which nothing is ever read. */
export interface StallOrder {
  readonly do: 'stall';
  readonly port: number;
}

export interface WriteOrder {
  readonly do: 'write';
  readonly port: number;
  readonly count: number;
  readonly perSecond: number;
  /** How many tasks are written to, in turn. */
  readonly tasks: number;
}

export type EventOrder = ReadOrder | StallOrder | WriteOrder;

export interface EventsDone {
  readonly error: string | undefined;
  /** After a write: milliseconds from the writer's request to the event, for each outcome. */
  readonly latenciesMs: readonly number[];
  /** Milliseconds from the last outcome's request until every reader had all there was. */
  readonly lagMs: number;
}

const CONNECT_AT_ONCE = 100;
const READ_WITHIN_MS = 20_000;
const REQUEST = 'GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

/** Bytes that each reader has had. The first one is parsed. */
const received: number[] = [];
const idleWriters: HttpSocket[] = [];
/** When each task was written to last; taken away when its event has come. */
const sentAt = new Map<string, number>();
let latenciesMs: number[] = [];
let failure: string | undefined;

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(REQUEST);
  return socket;
}

async function read({ port, count }: ReadOrder): Promise<void> {
  while (received.length < count) {
    const missing = Math.min(CONNECT_AT_ONCE, count - received.length);
    const sockets = await Promise.all(Array.from({ length: missing }, () => open(port)));
    for (const socket of sockets) {
      const index = received.push(0) - 1;
      socket.on('data', (chunk: Buffer) => {
        received[index]! += chunk.length;
        if (index === 0) hear(chunk);
      });
      socket.once('close', () => {
        failure ??= 'a reader was cut off';
      });
    }
  }
  await until(() => received.every((bytes) => bytes > 0 && bytes === received[0]));
}

let rest = '';
function hear(chunk: Buffer): void {
  const now = performance.now();
  const text = rest + chunk.toString('latin1');
  const end = text.lastIndexOf('\n\n') + 1;
  rest = text.slice(end);
  for (const [, taskId] of text.slice(0, end).matchAll(/data: \{"task_id":"([^"]+)"/g)) {
    const at = sentAt.get(taskId!);
    if (at === undefined) continue;
    sentAt.delete(taskId!);
    latenciesMs.push(now - at);
  }
}

async function write({ port, count, perSecond, tasks }: WriteOrder): Promise<number> {
  latenciesMs = [];
  sentAt.clear();
  const reports: Promise<void>[] = [];
  const startedAt = performance.now();
  let lastAt = startedAt;
  while (reports.length < count) {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000);
    while (reports.length < Math.min(due, count)) {
      const writer = idleWriters.pop() ?? (await HttpSocket.open(port));
      const taskId = `task-${reports.length % tasks}`;
      lastAt = performance.now();
      if (!sentAt.has(taskId)) sentAt.set(taskId, lastAt);
      reports.push(report(writer, resultPath(taskId)));
    }
    await pause(1);
  }
  await Promise.all(reports);
  await until(() => sentAt.size === 0 && received.every((bytes) => bytes === received[0]));
  return performance.now() - lastAt;
}

async function report(writer: HttpSocket, path: string): Promise<void> {
  const { status } = await writer.send(setRequest(path, OUTCOME));
  if (status > 201) throw new Error(`a report was answered ${status}`);
  idleWriters.push(writer);
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + READ_WITHIN_MS;
  while (!condition()) {
    if (failure !== undefined) throw new Error(failure);
    if (performance.now() > deadline) throw new Error('the readers are behind');
    await pause(2);
  }
}

async function carryOut(order: EventOrder): Promise<EventsDone> {
  let lagMs = 0;
  if (order.do === 'read') await read(order);
  else if (order.do === 'write') lagMs = await write(order);
  else (await open(order.port)).pause();
  return { error: undefined, latenciesMs, lagMs };
}

process.on('message', (order: EventOrder) => {
  carryOut(order)
    .catch((error: unknown): EventsDone => ({ error: String(error), latenciesMs: [], lagMs: 0 }))
    .then((done) => process.send?.(done));
});
process.stdout.write('ready\n');
