/**
 * What 10,000 parked waiters cost in memory, each on a task of its own, beside as many requests that
 * a bare server simply does not answer.
 */
import { execFileSync } from 'node:child_process';
import type { Options } from './options.js';
import type { Memory } from './program.js';
import { type Figure, limitFigure } from './report.js';
import { HttpServer } from './servers.js';
import { median } from './statistics.js';
import { atRest, WaitClient } from './waiters.js';

const WAITERS = 10_000;
const WARM_UP = 500;
const AT_MOST_BYTES = 2_048;
const DESCRIPTORS = WAITERS + 1_000;

const CONTESTANTS = {
  ours: () => HttpServer.ours('memory:', ['--max-wait', '10m']),
  bare: () => HttpServer.bare('unanswered'),
};
type Who = keyof typeof CONTESTANTS;

/** Bytes for each waiter. */
const costs: Record<Who, Memory[]> = { ours: [], bare: [] };

export async function measureWaiters({ rounds, tell }: Options): Promise<Figure[]> {
  requireDescriptors();
  for (let round = 1; round <= rounds; round += 1) {
    for (const who of Object.keys(CONTESTANTS) as Who[]) {
      const cost = await costOfOne(CONTESTANTS[who]);
      costs[who].push(cost);
      tell(`waiters ${who}, round ${round}: used ${bytes(cost.used)}, RSS ${bytes(cost.rss)} each`);
    }
  }
  return [figureOf('heap and buffers', 'used'), figureOf('resident set', 'rss')];
}

async function costOfOne(start: () => Promise<HttpServer>): Promise<Memory> {
  const server = await start();
  const client = await WaitClient.start();
  try {
    const { port } = server;
    // Code is compiled and tables are made before the first look.
    await client.tell({ do: 'park', ports: [port], prefix: 'warm-up-', count: WARM_UP });
    await atRest([server.program]);
    await client.tell({ do: 'release' });
    const before = await restingMemory(server);
    await client.tell({ do: 'park', ports: [port], prefix: 'parked-', count: WAITERS });
    const after = await restingMemory(server);
    return {
      rss: (after.rss - before.rss) / WAITERS,
      used: (after.used - before.used) / WAITERS,
    };
  } finally {
    await client.stop();
    await server.stop();
  }
}

/** The first collection leaves pages behind that go back a moment later. */
export async function restingMemory(server: HttpServer): Promise<Memory> {
  await atRest([server.program]);
  await server.memory();
  await atRest([server.program]);
  return server.memory();
}

function figureOf(what: string, key: keyof Memory): Figure {
  const ours = costs.ours.map((cost) => cost[key]);
  const bare = costs.bare.map((cost) => cost[key]);
  const extra = median(ours.map((cost, round) => cost - bare[round]!));
  return limitFigure({
    name: `${WAITERS.toLocaleString('en')} parked waiters, ${what}, each above bare`,
    ours: bytes(median(ours)),
    ceiling: bytes(median(bare)),
    difference: bytes(extra),
    isMet: extra <= AT_MOST_BYTES,
    target: `≤ ${bytes(AT_MOST_BYTES)} more`,
  });
}

function requireDescriptors(): void {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  if (limit === 'unlimited' || Number(limit) >= DESCRIPTORS) return;
  throw new Error(
    `a process may open ${limit} files here, and ${DESCRIPTORS} are needed. As root, type:\n` +
      `ulimit -n ${DESCRIPTORS}`,
  );
}

function bytes(count: number): string {
  return `${Math.round(count).toLocaleString('en')} B`;
}
