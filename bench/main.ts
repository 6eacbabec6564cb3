/** `npm run bench`: measures each figure beside its ceiling, and prints them with their ratios. */
import { measureBatch } from './batch-rates.js';
import { measureBatchWait } from './batch-wait.js';
import { measureEvents } from './events.js';
import { describeMachine, othersShare, requirePrograms } from './machine.js';
import { readOptions, USAGE } from './options.js';
import { measureWaiters } from './parked-waiters.js';
import { measureReplicas } from './replicas.js';
import { type Figure, renderReport, writeReport } from './report.js';
import { measureRates } from './request-rates.js';
import { measureWake } from './wake-latency.js';

async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return;
  }
  const options = readOptions(args, (line) => void process.stderr.write(`${line}\n`));
  requirePrograms();
  const busyAtStart = await othersShare();
  const figures: Figure[] = [];
  if (options.only.has('get')) figures.push(...(await measureRates('GET', options)));
  if (options.only.has('post')) figures.push(...(await measureRates('POST', options)));
  if (options.only.has('waiters')) figures.push(...(await measureWaiters(options)));
  if (options.only.has('wake')) figures.push(...(await measureWake(options)));
  if (options.only.has('events')) figures.push(...(await measureEvents(options)));
  if (options.only.has('batch-set')) figures.push(...(await measureBatch('set', options)));
  if (options.only.has('batch-get')) figures.push(...(await measureBatch('get', options)));
  if (options.only.has('batch-wait')) figures.push(...(await measureBatchWait(options)));
  if (options.only.has('replicas')) figures.push(...(await measureReplicas(options)));
  const report = renderReport(figures, describeMachine(busyAtStart));
  process.stdout.write(report);
  if (options.writes) writeReport(report);
}

// What was started is ended by each starter's handler of `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
