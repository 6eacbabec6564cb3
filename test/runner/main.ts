/**
 * Runs all checks and tests, several at a time, and says what came of them: `npm test`. Each test file is
 * a process of its own. Words after `--` choose the parts whose names contain one of them.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { CommandReader } from './command-reader.js';
import { type Finished, killAll, type Part, runPart } from './part.js';
import { isBad, lineOf, summaryOf } from './summary.js';
import { TapReader } from './tap-reader.js';

/** Begun before all others, since they last longest: none of them is to be left alone at the end. */
const LONGEST = [
  'clients/python',
  'test/proxies',
  'test/backends/redis-sentinel',
  'test/backends/redis-cluster',
  'test/backends/http',
  'test/cli/faults',
];

const command = (name: string, ...args: [string, ...string[]]): Part => ({
  name,
  command: args,
  reader: () => new CommandReader(),
});

const testFile = (path: string): Part => ({
  name: path.replace(/\.test\.[a-z]+$/, ''),
  command: [process.execPath, path.endsWith('.ts') ? `dist/${path.replace(/ts$/, 'js')}` : path],
  reader: () => new TapReader(),
});

/** The sources say what there is: a compiled file may be left of one that has gone. */
function allParts(): Part[] {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
  const parts = [
    command('clients/python', 'bash', 'clients/python/test.sh'),
    command('lint', 'npm', 'run', '--silent', 'lint'),
    ...files.map((file) => testFile(`test/${file}`)),
  ];
  const first = LONGEST.map((name) => {
    const part = parts.find((one) => one.name === name);
    if (part === undefined) throw new Error(`there is no "${name}": take it out of LONGEST`);
    return part;
  });
  return [...first, ...parts.filter((part) => !first.includes(part))];
}

function chosen(words: readonly string[]): Part[] {
  if (words.length === 0) return allParts();
  // A file that is none of the suite's own is run as it is.
  if (words.every((word) => /\.m?js$/.test(word))) return words.map(testFile);
  return allParts().filter(({ name }) => words.some((word) => name.includes(word)));
}

async function run(parts: readonly Part[], jobs: number, silenceS: number) {
  const waiting = [...parts];
  const finished: Finished[] = [];
  const work = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const result = await runPart(part, silenceS);
      finished.push(result);
      console.log(lineOf(result));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return finished;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: String(4 * availableParallelism()) },
    /** After so many seconds without a word a part hangs. A busy machine does not reach it. */
    silence: { type: 'string', default: '1200' },
  },
});
const parts = chosen(positionals);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}
const jobs = Math.min(Number(values.jobs), parts.length);
const length = positionals.length === 0 ? ': about 6 minutes on 2 cores that are free' : '';
console.log(`${parts.length} files and checks, ${jobs} at a time${length}`);
const startedAt = performance.now();
const finished = await run(parts, jobs, Number(values.silence));
console.log(summaryOf(finished, (performance.now() - startedAt) / 1_000));
process.exitCode = finished.some(isBad) || finished.length === 0 ? 1 : 0;
