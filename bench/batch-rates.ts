/**
 * Many tasks in one request beside one request for each: outcomes a second, on the same server and
 * the same store, one after the other.
 */
import { fileURLToPath } from 'node:url';
import { type Running, startContestant } from './contestants.js';
import type { Streamed, StreamOrder } from './line-client.js';
import { type LoadResult, load } from './load.js';
import { CORE } from './machine.js';
import type { Options } from './options.js';
import { Program } from './program.js';
import { type Figure, ratioFigure } from './report.js';
import { busyOf, paceOf, summaryOf } from './request-rates.js';
import type { Store } from './servers.js';
import { median } from './statistics.js';

type Batch = 'set' | 'get';

const CLIENT = fileURLToPath(new URL('line-client.js', import.meta.url));
const TARGETS: Readonly<Record<Batch, Readonly<Record<Store, number>>>> = {
  set: { memory: 5, lmdb: 3, redis: 2.5, nats: 5, postgres: 5 },
  get: { memory: 15, lmdb: 10, redis: 5, nats: 5, postgres: 5 },
};
const IDS = 100;
const STREAMS = 2;
const WARM_UP_SECONDS = 0.5;
/** The ratios are large, and the rounds long. */
const MOST_ROUNDS = 3;

interface Pair {
  readonly single: LoadResult;
  /** Of outcomes, not of requests. */
  readonly batch: LoadResult;
}

export async function measureBatch(batch: Batch, options: Options): Promise<Figure[]> {
  const stores = [...options.stores];
  const pairs = new Map<Store, Pair[]>(stores.map((store) => [store, []]));
  for (let round = 1; round <= Math.min(options.rounds, MOST_ROUNDS); round += 1) {
    for (const store of stores) {
      const running = await startContestant({ who: 'ours', store }, batch === 'get');
      try {
        const pair = await (batch === 'get' ? getPair : setPair)(running, options);
        pairs.get(store)!.push(pair);
        const shown = `${summaryOf([pair.batch])}, single ${summaryOf([pair.single])}`;
        const busy = busyOf('batch', [pair.batch], 'client');
        options.tell(`batch ${batch} ${store}, round ${round}: ${shown} (${busy})`);
      } finally {
        await running.stop();
      }
    }
  }
  return stores.map((store) => figureOf(batch, store, pairs.get(store)!));
}

async function getPair({ server, storeServer }: Running, options: Options): Promise<Pair> {
  const target = { url: server.url, server: server.program, store: storeServer?.program };
  await load({ ...target, method: 'GET', seconds: options.warmUpSeconds });
  const single = await load({ ...target, method: 'GET', seconds: options.seconds });
  await load({ ...target, method: 'BATCH', seconds: options.warmUpSeconds });
  const batch = await load({ ...target, method: 'BATCH', seconds: options.seconds });
  return {
    single,
    batch: { ...batch, perSecond: batch.perSecond * IDS, serverUs: batch.serverUs / IDS },
  };
}

async function setPair(running: Running, options: Options): Promise<Pair> {
  const { server, storeServer } = running;
  const target = { url: server.url, server: server.program, store: storeServer?.program };
  await load({ ...target, method: 'POST', seconds: options.warmUpSeconds });
  const single = await load({ ...target, method: 'POST', seconds: options.seconds });
  const client = await Program.start({
    ...{ command: process.execPath, args: [CLIENT] },
    ...{ core: CORE.generator, ready: /ready/ },
  });
  try {
    await streamTo(running, client, 'warm-up-', WARM_UP_SECONDS);
    return { single, batch: await streamTo(running, client, 'batch-', options.seconds) };
  } finally {
    await client.stop();
  }
}

async function streamTo(
  { server, storeServer }: Running,
  client: Program,
  prefix: string,
  seconds: number,
): Promise<LoadResult> {
  const all = [server.program, client, storeServer?.program];
  const before = all.map((program) => program?.cpu());
  const order: StreamOrder = { port: server.port, prefix, streams: STREAMS, seconds };
  const done = await client.ask<Streamed>(order);
  if (done.error !== undefined) throw new Error(`batch/set has failed: ${done.error}`);
  const used = all.map((program, at) => (program?.cpu() ?? 0) - (before[at] ?? 0));
  return {
    perSecond: done.created / done.seconds,
    serverUs: (used[0]! * 1e6) / done.created,
    serverShare: used[0]! / done.seconds,
    generatorShare: used[1]! / done.seconds,
    storeShare: storeServer === undefined ? undefined : used[2]! / done.seconds,
    p99Us: 0,
  };
}

function figureOf(batch: Batch, store: Store, pairs: readonly Pair[]): Figure {
  const batches = pairs.map((pair) => pair.batch);
  const singles = pairs.map((pair) => pair.single);
  const waitsForDisk = batch === 'set' && store === 'lmdb';
  const isPacedByOthers = [batches, singles].some((results) => paceOf(results) !== 'the server');
  const what = batch === 'set' ? 'NDJSON beside single POSTs' : `${IDS} ids beside single GETs`;
  return ratioFigure({
    name: `batch/${batch}, ${store}: ${what}`,
    ours: summaryOf(batches),
    ceiling: summaryOf(singles),
    ratio: median(pairs.map((pair) => pair.batch.perSecond / pair.single.perSecond)),
    cpuRatio: median(pairs.map((pair) => pair.single.serverUs / pair.batch.serverUs)),
    atLeast: TARGETS[batch][store],
    busy: [
      busyOf('batch', batches, batch === 'set' ? 'client' : 'wrk'),
      busyOf('single', singles),
    ].join('<br>'),
    isDecidedByCpu: isPacedByOthers && !waitsForDisk,
  });
}
