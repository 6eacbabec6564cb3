/**
 * GET of a ready 1 KiB outcome and POST of a new one, on each store, beside its ceiling. In each
 * round every contestant runs once, for itself, in a fresh process that is warmed up first.
 */
import { answerShape, requireSameShape } from './answer-shape.js';
import { type Contestant, startContestant } from './contestants.js';
import { type LoadResult, load } from './load.js';
import type { Options } from './options.js';
import { type Figure, ratioFigure } from './report.js';
import type { Store } from './servers.js';
import { median } from './statistics.js';

type Method = 'GET' | 'POST';

interface Match {
  /** Added to our store's URL. */
  readonly query?: string;
  readonly store: Store;
  /** Whose bare server is the ceiling. */
  readonly ceiling: Store;
  readonly does: string;
  readonly target: number;
}

const MATCHES: Readonly<Record<Method, readonly Match[]>> = {
  GET: [
    { store: 'memory', ceiling: 'memory', does: 'sends it from memory', target: 0.85 },
    { store: 'lmdb', ceiling: 'memory', does: 'sends it from memory', target: 0.8 },
    { store: 'redis', ceiling: 'redis', does: 'one pipelined `GET`', target: 0.85 },
    { store: 'nats', ceiling: 'nats', does: 'one direct get', target: 0.9 },
    { store: 'postgres', ceiling: 'postgres', does: 'one `select`, a pool of 8', target: 3 },
  ],
  POST: [
    { store: 'memory', ceiling: 'memory', does: 'parses the body', target: 0.7 },
    { store: 'lmdb', ceiling: 'lmdb', does: 'awaits one synced put', target: 0.65 },
    {
      ...{ store: 'redis', query: '/?listing=off', ceiling: 'redis' },
      ...{ does: 'one `SET` with `PX`', target: 0.6 },
    },
    { store: 'redis', ceiling: 'redis', does: 'one `SET` with `PX`', target: 0.5 },
    { store: 'nats', ceiling: 'nats', does: 'one publish with a TTL', target: 0.7 },
    { store: 'postgres', ceiling: 'postgres', does: 'one `insert`, a pool of 8', target: 2 },
  ],
};

/** What each contestant reached, a result for each round. */
type Results = Map<string, LoadResult[]>;

export async function measureRates(method: Method, options: Options): Promise<Figure[]> {
  const matches = MATCHES[method].filter(({ store }) => options.stores.has(store));
  const contestants = contestantsOf(matches);
  const results: Results = new Map();
  for (let round = 1; round <= options.rounds; round += 1) {
    const shapes = new Map<string, string>();
    for (const contestant of contestants) {
      const name = nameOf(contestant);
      const { result, shape } = await runOnce(contestant, method, options);
      shapes.set(name, shape);
      results.set(name, [...(results.get(name) ?? []), result]);
      options.tell(`${method} ${name}, round ${round}: ${describe(result)}`);
    }
    for (const { store, query, ceiling } of matches) {
      requireSameShape(
        shapes.get(nameOf({ who: 'ours', store, ...(query && { query }) }))!,
        shapes.get(`bare ${ceiling}`)!,
      );
    }
  }
  return matches.map((match) => figureOf(method, match, results));
}

async function runOnce(
  contestant: Contestant,
  method: Method,
  { seconds, warmUpSeconds }: Options,
): Promise<{ result: LoadResult; shape: string }> {
  const { server, storeServer, stop } = await startContestant(contestant, method === 'GET');
  try {
    const shape = await answerShape(server.url, method);
    const target = { method, url: server.url, server: server.program, store: storeServer?.program };
    await load({ ...target, seconds: warmUpSeconds });
    return { shape, result: await load({ ...target, seconds }) };
  } finally {
    await stop();
  }
}

/** Each once; ours and its ceiling one after the other. */
function contestantsOf(matches: readonly Match[]): Contestant[] {
  const all = new Map<string, Contestant>();
  for (const { store, query, ceiling } of matches) {
    for (const contestant of [
      { who: 'bare', store: ceiling },
      { who: 'ours', store, ...(query && { query }) },
    ] as const) {
      all.set(nameOf(contestant), contestant);
    }
  }
  return [...all.values()];
}

function figureOf(
  method: Method,
  { store, query, ceiling, does, target }: Match,
  results: Results,
): Figure {
  const ours = results.get(nameOf({ who: 'ours', store, ...(query && { query }) }))!;
  const bare = results.get(`bare ${ceiling}`)!;
  return ratioFigure({
    name: `${method}, ${store}${indexesOf(method, store, query)} (bare: ${does})`,
    ours: summaryOf(ours),
    ceiling: summaryOf(bare),
    ratio: median(ours.map((result, at) => result.perSecond / bare[at]!.perSecond)),
    cpuRatio: median(ours.map((result, at) => bare[at]!.serverUs / result.serverUs)),
    atLeast: target,
    busy: [busyOf('ours', ours), busyOf('bare', bare)].join('<br>'),
    isDecidedByCpu: [ours, bare].some((results) => !isItsOwnPace(method, store, results)),
  });
}

/** Whether the indexes for listing are written as well; where there is a choice. */
function indexesOf(method: Method, store: Store, query: string | undefined): string {
  if (method === 'GET' || store !== 'redis') return '';
  return query === undefined ? ', indexes on' : ', indexes off';
}

/** A process that is this busy sets the pace. */
const BUSY = 0.9;

/** What set the pace; where neither was busy, it was the disk, or other processes. */
export function paceOf(results: readonly LoadResult[]): 'the server' | 'wrk' | 'neither' {
  if (median(results.map((result) => result.serverShare)) >= BUSY) return 'the server';
  return median(results.map((result) => result.generatorShare)) >= BUSY ? 'wrk' : 'neither';
}

/** Whether the rate is the contestant's own; a synced write waits for the disk, and that is its own. */
function isItsOwnPace(method: Method, store: Store, results: readonly LoadResult[]): boolean {
  const pace = paceOf(results);
  const waitsForDisk = method === 'POST' && (store === 'lmdb' || store === 'postgres');
  return pace === 'the server' || (pace === 'neither' && waitsForDisk);
}

export function summaryOf(results: readonly LoadResult[]): string {
  const perSecond = median(results.map((result) => result.perSecond));
  const serverUs = median(results.map((result) => result.serverUs));
  return `${Math.round(perSecond).toLocaleString('en')}/s, ${serverUs.toFixed(1)} µs`;
}

export function busyOf(who: string, results: readonly LoadResult[], generator = 'wrk'): string {
  const server = percent(median(results.map((result) => result.serverShare)));
  const wrk = percent(median(results.map((result) => result.generatorShare)));
  const stores = results.map((result) => result.storeShare).filter((share) => share !== undefined);
  const store = stores.length === 0 ? '' : `, store ${percent(median(stores))}`;
  const pace = paceOf(results);
  const paced = pace === 'wrk' ? generator : pace;
  return `${who}: server ${server}, ${generator} ${wrk}${store}; paced by ${paced}`;
}

function describe(result: LoadResult): string {
  const latency = `p99 ${(result.p99Us / 1_000).toFixed(1)} ms`;
  return `${summaryOf([result])} of CPU a request, ${latency} (${busyOf('share', [result])})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function nameOf({ who, store, query = '' }: Contestant): string {
  return `${who} ${store}${query}`;
}
