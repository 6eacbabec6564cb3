/**
 * `npm run sim`: many schedules on each backend. `--backend redis --seed 123` replays one. Exits
 * with 1 where a law was broken.
 */
import { parseArgs } from 'node:util';
import { simulateMany, type Totals } from './many.js';
import { openWorld, WORLDS, type WorldName } from './worlds.js';

const USAGE = `npm run sim -- [options]

  --backend <name>   ${WORLDS.join(', ')}; may repeat. Default: all
  --count <n>        schedules on each. Default: 2,000
  --seed <n>         the first seed; alone, it replays this one. Default: of the clock
  --jobs <n>         schedules at once. Default: 32
`;

const PROGRESS_EVERY = 100;

async function main(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      backend: { type: 'string', multiple: true },
      count: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return true;
  }
  const count = wholeNumber('count', values.count, values.seed === undefined ? 2_000 : 1);
  const firstSeed = wholeNumber('seed', values.seed, Date.now() % 2 ** 31);
  const jobs = wholeNumber('jobs', values.jobs, 32);
  let isSound = true;
  for (const name of (values.backend ?? WORLDS) as WorldName[]) {
    const world = await openWorld(name);
    try {
      const onProgress = ({ failures }: Totals, done: number): void => {
        if (done % PROGRESS_EVERY !== 0) return;
        process.stderr.write(`${name}: ${done} of ${count} done, ${failures.length} broke a law\n`);
      };
      const totals = await simulateMany(world, { firstSeed, count, jobs, onProgress });
      isSound &&= totals.failures.length === 0;
      process.stdout.write(summary(name, totals, { firstSeed, count }));
    } finally {
      await world.end();
    }
  }
  return isSound;
}

function wholeNumber(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} is ${text}: give a whole number`);
  return Number(text);
}

function summary(
  name: string,
  totals: Totals,
  { firstSeed, count }: { firstSeed: number; count: number },
): string {
  const lines = totals.failures
    .slice(0, 5)
    .flatMap(({ seed, broken }) => [
      `seed ${seed} broke a law; replay it by: npm run sim -- --backend ${name} --seed ${seed}`,
      ...broken,
    ]);
  const seconds = (totals.tookMs / 1_000).toFixed(0);
  lines.push(
    `${name}: ${count} schedules from seed ${firstSeed} in ${seconds} s: ` +
      `${totals.failures.length} broke a law, ${totals.undecided} tasks undecided; ` +
      `${totals.calls} calls, ${totals.unanswered} without an answer, ${totals.waiters} waiters, ` +
      `the last answered ${totals.longestOwedMs.toFixed(0)} ms after it was owed`,
  );
  return `${lines.join('\n')}\n`;
}

main(process.argv.slice(2)).then(
  (isSound) => process.exit(isSound ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`sim: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
