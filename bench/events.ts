/**
 * What 1,000 readers of all events cost at 500 outcomes a second, how late they hear, and what it
 * takes when one of them stops reading.
 */
import { fileURLToPath } from 'node:url';
import type { EventOrder, EventsDone } from './event-client.js';
import { CORE } from './machine.js';
import type { Options } from './options.js';
import { Program } from './program.js';
import { type Figure, limitFigure } from './report.js';
import { HttpServer } from './servers.js';
import { median, percentile } from './statistics.js';
import { atRest } from './waiters.js';

const CLIENT = fileURLToPath(new URL('event-client.js', import.meta.url));
const READERS = 1_000;
const PER_SECOND = 500;
const SECONDS = 10;
const CORE_AT_MOST = 0.5;
/** A reader that has not had everything within this has fallen behind. */
const LAG_AT_MOST_MS = 1_000;
const MIB = 1_024 * 1_024;
/** The events that are kept for readers who are behind take up to 16 MiB. */
const MEMORY_AT_MOST = 32 * MIB;

interface Cost {
  /** Of one core. */
  readonly share: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lagMs: number;
}

export async function measureEvents({ rounds, tell }: Options): Promise<Figure[]> {
  const costs: Cost[] = [];
  const growths: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const cost = await withServer(costOf);
    const growth = await withServer(growthOf);
    costs.push(cost);
    growths.push(growth);
    tell(`events, round ${round}: ${describe(cost)}; one stuck: ${mebibytes(growth)} more`);
  }
  return figuresOf(costs, growths);
}

type Tell = (order: EventOrder) => Promise<EventsDone>;

async function withServer<T>(use: (server: HttpServer, tell: Tell) => Promise<T>): Promise<T> {
  const server = await HttpServer.ours('memory:');
  const client = await Program.start({
    command: process.execPath,
    args: [CLIENT],
    core: CORE.generator,
    ready: /ready/,
  });
  try {
    return await use(server, async (order) => {
      const done = await client.ask<EventsDone>(order);
      if (done.error !== undefined) throw new Error(`to ${order.do} has failed: ${done.error}`);
      return done;
    });
  } finally {
    await client.stop();
    await server.stop();
  }
}

async function costOf({ port, program }: HttpServer, tell: Tell): Promise<Cost> {
  await tell({ do: 'read', port, count: READERS });
  const order = { do: 'write', port, perSecond: PER_SECOND } as const;
  await tell({ ...order, count: PER_SECOND, tasks: PER_SECOND });
  await atRest([program]);
  const [cpuBefore, startedAt] = [program.cpu(), performance.now()];
  const count = PER_SECOND * SECONDS;
  const { latenciesMs, lagMs } = await tell({ ...order, count, tasks: count });
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    share: (program.cpu() - cpuBefore) / seconds,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    lagMs,
  };
}

/** Bytes that are there after 30,000 events of the same tasks, with one reader that reads nothing. */
async function growthOf(server: HttpServer, tell: Tell): Promise<number> {
  const { port, program } = server;
  const order = { do: 'write', port, perSecond: 3_000, tasks: 1_000 } as const;
  await tell({ do: 'read', port, count: 10 });
  await tell({ ...order, count: 3_000 });
  await atRest([program]);
  const before = await server.memory();
  await tell({ do: 'stall', port });
  await tell({ ...order, count: 30_000 });
  await atRest([program]);
  return (await server.memory()).used - before.used;
}

function figuresOf(costs: readonly Cost[], growths: readonly number[]): Figure[] {
  const of = (key: keyof Cost): number => median(costs.map((cost) => cost[key]));
  const growth = median(growths);
  const name = `${READERS.toLocaleString('en')} event readers, ${PER_SECOND} outcomes/s`;
  const none = { ceiling: '', difference: '' };
  return [
    limitFigure({
      ...none,
      name: `${name}: the server`,
      ours: `${of('share').toFixed(2)} of a core`,
      isMet: of('share') <= CORE_AT_MOST,
      target: `≤ ${CORE_AT_MOST}`,
    }),
    limitFigure({
      ...none,
      name: `${name}: delay p99`,
      ours: `${of('p99Ms').toFixed(1)} ms (p50 ${of('p50Ms').toFixed(1)})`,
      isMet: true,
      target: '',
    }),
    limitFigure({
      ...none,
      name: `${name}: all have all after`,
      ours: `${of('lagMs').toFixed(0)} ms`,
      isMet: of('lagMs') <= LAG_AT_MOST_MS,
      target: `≤ ${LAG_AT_MOST_MS} ms`,
    }),
    limitFigure({
      ...none,
      name: '30,000 events, one reader stuck: memory',
      ours: `${mebibytes(growth)} more`,
      isMet: growth <= MEMORY_AT_MOST,
      target: `≤ ${mebibytes(MEMORY_AT_MOST)}`,
    }),
  ];
}

function describe({ share, p50Ms, p99Ms, lagMs }: Cost): string {
  const delay = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
  return `${share.toFixed(3)} of a core, ${delay}, all have all after ${lagMs.toFixed(0)} ms`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
