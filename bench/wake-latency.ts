/**
 * From the writer's request to the waiter's answer: 1,000 parked waiters, woken at a fixed rate, by
 * ours and by a bare server that keeps its replies in a Map. Where the store has a server,
 * also how many calls each completed wait costs.
 */
import type { Options } from './options.js';
import { type Figure, limitFigure, ratioFigure } from './report.js';
import { median, percentile } from './statistics.js';
import { atRest, WaitClient } from './waiters.js';
import { WAKE_SETUPS, type WakeSetup, type WakeSetupName } from './wake-setups.js';

const WAITERS = 1_000;
const PER_SECOND = 500;
/** The counted waves are short, so that the safety net seldom falls into one. */
const COUNTED_PER_SECOND = 2_000;
const P99_AT_MOST = 1.5;
/** Of Redis'; PostgreSQL's commit comes on top. */
const REDIS_TIMES_AT_MOST = 2;
const COMMANDS_AT_MOST = 2;

interface Result {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Commands for each completed wait; undefined where the store has no server. */
  readonly commands: number | undefined;
}

export async function measureWake(options: Options): Promise<Figure[]> {
  const client = await WaitClient.start();
  const setups = new Map<WakeSetupName, WakeSetup>();
  const results = new Map<WakeSetupName, Result[]>();
  try {
    for (const [name, start] of WAKE_SETUPS) {
      const setup = await start();
      setups.set(name, setup);
      results.set(name, []);
      await wave(client, setup, PER_SECOND);
    }
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const [name, setup] of setups) {
        const latencies = await wave(client, setup, PER_SECOND);
        const result = {
          p50Ms: percentile(latencies, 0.5),
          p99Ms: percentile(latencies, 0.99),
          commands: await commandsOfOne(client, setup),
        };
        results.get(name)!.push(result);
        options.tell(`wake ${name}, round ${round}: ${describe(result)}`);
      }
    }
  } finally {
    for (const setup of setups.values()) await setup.stop();
    await client.stop();
  }
  return figuresOf(results);
}

let waves = 0;

/** Parks everybody, wakes everybody; the latencies in milliseconds. */
export async function wave(
  client: WaitClient,
  { waiterPorts, writerPorts, programs }: WakeSetup,
  perSecond: number,
  count = WAITERS,
): Promise<readonly number[]> {
  waves += 1;
  const prefix = `wave-${waves}-`;
  await client.tell({ do: 'park', ports: waiterPorts, prefix, count });
  await atRest(programs);
  const latencies = await client.tell({
    ...{ do: 'wake', ports: writerPorts, prefix, count },
    perSecond,
  });
  await client.tell({ do: 'release' });
  return latencies;
}

/**
 * The commands of a wave, less those of the same writes when nobody waits, and less what runs when
 * nothing happens.
 */
export async function commandsOfOne(
  client: WaitClient,
  setup: WakeSetup,
): Promise<number | undefined> {
  const { counter, writerPorts } = setup;
  if (counter === undefined) return undefined;
  const during = async (act: () => Promise<unknown>): Promise<number> => {
    const [before, startedAt] = [await counter.total(), performance.now()];
    await act();
    const seconds = (performance.now() - startedAt) / 1_000;
    return (await counter.total()) - before - setup.idleCallsPerSecond * seconds;
  };
  const waited = await during(() => wave(client, setup, COUNTED_PER_SECOND));
  waves += 1;
  const prefix = `unheard-${waves}-`;
  const written = await during(() =>
    client.tell({
      ...{ do: 'wake', ports: writerPorts, prefix, count: WAITERS },
      perSecond: COUNTED_PER_SECOND,
    }),
  );
  return (waited - written) / WAITERS;
}

function figuresOf(results: ReadonlyMap<WakeSetupName, readonly Result[]>): Figure[] {
  const bare = results.get('bare')!;
  const figures: Figure[] = [];
  for (const [name, ours] of results) {
    if (name === 'bare') continue;
    figures.push(
      ratioFigure({
        name: `wake p99, ${name}`,
        ours: latencyOf(ours),
        ceiling: latencyOf(bare),
        ratio: median(ours.map((result, round) => result.p99Ms / bare[round]!.p99Ms)),
        ...(name === 'memory' ? { atMost: P99_AT_MOST } : {}),
      }),
    );
  }
  const redis = results.get('Redis, two processes')!;
  for (const store of ['NATS', 'PostgreSQL'] as const) {
    const other = results.get(`${store}, two processes`)!;
    figures.push(
      ratioFigure({
        name: `wake p99, two processes: ${store} beside Redis`,
        ours: latencyOf(other),
        ceiling: latencyOf(redis),
        ratio: median(other.map((result, round) => result.p99Ms / redis[round]!.p99Ms)),
        atMost: REDIS_TIMES_AT_MOST,
      }),
    );
  }
  for (const [name, ours] of results) {
    const counts = ours.map(({ commands }) => commands).filter((count) => count !== undefined);
    if (counts.length === 0) continue;
    const commands = median(counts).toFixed(2);
    figures.push(
      limitFigure({
        name: `commands for each completed wait, ${name}`,
        ours: commands,
        ceiling: '',
        difference: '',
        isMet: Number(commands) <= COMMANDS_AT_MOST,
        target: `≤ ${COMMANDS_AT_MOST}`,
      }),
    );
  }
  return figures;
}

function latencyOf(results: readonly Result[]): string {
  const p50 = median(results.map((result) => result.p50Ms));
  const p99 = median(results.map((result) => result.p99Ms));
  return `${p99.toFixed(2)} ms (p50 ${p50.toFixed(2)})`;
}

function describe(result: Result): string {
  const { commands } = result;
  const counted = commands === undefined ? '' : `, ${commands.toFixed(3)} commands a wait`;
  return `p99 ${latencyOf([result])}${counted}`;
}
