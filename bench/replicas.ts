/**
 * 10,000 waiters spread over two server processes on one Redis, outcomes written to both; beside as
 * many at one process on a Redis of its own.
 */
import type { Options } from './options.js';
import { type Figure, limitFigure, ratioFigure } from './report.js';
import { median, percentile } from './statistics.js';
import { WaitClient } from './waiters.js';
import { commandsOfOne, wave } from './wake-latency.js';
import { onStore, type WakeSetup } from './wake-setups.js';

const WAITERS = 10_000;
const PER_SECOND = 1_000;
const P99_AT_MOST = 2;
const COMMANDS_AT_MOST = 2;
/** A round takes half a minute, and its figures move little. */
const MOST_ROUNDS = 3;

export async function measureReplicas({ rounds, tell }: Options): Promise<Figure[]> {
  const client = await WaitClient.start();
  const setups: WakeSetup[] = [];
  const p99s: [number[], number[]] = [[], []];
  const commands: number[] = [];
  try {
    for (const processes of [1, 2]) {
      setups.push(await onStore('redis', processes, true));
      await wave(client, setups.at(-1)!, PER_SECOND, PER_SECOND);
    }
    const two = setups[1]!;
    for (let round = 1; round <= Math.min(rounds, MOST_ROUNDS); round += 1) {
      for (const [index, setup] of setups.entries()) {
        const latencies = await wave(client, setup, PER_SECOND, WAITERS);
        p99s[index]!.push(percentile(latencies, 0.99));
      }
      commands.push((await commandsOfOne(client, two))!);
      tell(`replicas, round ${round}: one ${ms(p99s[0])}, two ${ms(p99s[1])}, ${commands.at(-1)}`);
    }
  } finally {
    for (const setup of setups) await setup.stop();
    await client.stop();
  }
  const [one, two] = p99s;
  const each = median(commands).toFixed(2);
  return [
    ratioFigure({
      name: `${WAITERS.toLocaleString('en')} waiters, wake p99: two replicas beside one`,
      ours: ms(two),
      ceiling: ms(one),
      ratio: median(two.map((value, round) => value / one[round]!)),
      atMost: P99_AT_MOST,
    }),
    limitFigure({
      name: 'commands for each completed wait, two replicas',
      ours: each,
      ceiling: '',
      difference: '',
      isMet: Number(each) <= COMMANDS_AT_MOST,
      target: `≤ ${COMMANDS_AT_MOST}`,
    }),
  ];
}

function ms(values: readonly number[]): string {
  return `${median(values).toFixed(2)} ms`;
}
