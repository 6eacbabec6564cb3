/**
 * One run of wrk against one server, and how busy both were. wrk runs on a core of its own; the
 * CPU shares tell whether the server, and not wrk, set the pace.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CORE, cpuSeconds, pinned } from './machine.js';
import type { Program } from './program.js';
import { OUTCOME, READY_TASKS } from './sample.js';

export interface LoadOptions {
  readonly method: 'GET' | 'POST' | 'BATCH';
  readonly url: string;
  readonly seconds: number;
  readonly server: Program;
  /** The store's own server, where it has one. */
  readonly store: Program | undefined;
}

/** Shares are of one core. */
export interface LoadResult {
  readonly perSecond: number;
  /** CPU microseconds of the server process for one request. */
  readonly serverUs: number;
  readonly serverShare: number;
  readonly generatorShare: number;
  readonly storeShare: number | undefined;
  readonly p99Us: number;
}

interface Summary {
  readonly requests: number;
  readonly micros: number;
  readonly refused: number;
  readonly broken: number;
  readonly p99Us: number;
}

const CONNECTIONS = 64;
const SCRIPT = fileURLToPath(new URL('../../bench/requests.lua', import.meta.url));
let runs = 0;

/** Throws where one request was refused, or one connection broke. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { server, store } = options;
  const serverBefore = server.cpu();
  const storeBefore = store?.cpu();
  const { summary, generatorCpu } = await runWrk(options);
  const { requests, micros, refused, broken } = summary;
  if (refused + broken > 0 || requests === 0) {
    throw new Error(
      `of ${requests} requests to ${options.url}, ${refused} were refused and ${broken} broke off`,
    );
  }
  const seconds = micros / 1e6;
  const serverCpu = server.cpu() - serverBefore;
  return {
    perSecond: requests / seconds,
    serverUs: (serverCpu * 1e6) / requests,
    serverShare: serverCpu / seconds,
    generatorShare: generatorCpu / seconds,
    storeShare: store === undefined ? undefined : (store.cpu() - storeBefore!) / seconds,
    p99Us: summary.p99Us,
  };
}

async function runWrk({ method, url, seconds }: LoadOptions) {
  runs += 1;
  const what =
    method !== 'POST'
      ? [String(READY_TASKS)]
      : [`${process.pid}-${runs}-`.padStart(16, 'r'), OUTCOME];
  const child = spawn(
    ...pinned(CORE.generator, 'wrk', [
      ...['--threads', '1', '--connections', String(CONNECTIONS)],
      ...['--duration', `${seconds}s`, '--timeout', '30s', '--script', SCRIPT, url],
      ...['--', method, ...what],
    ]),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const orphaned = (): void => void child.kill('SIGKILL');
  process.once('exit', orphaned);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  // What it used is gone with it: the last look before its end counts.
  let generatorCpu = 0;
  const watcher = setInterval(() => {
    generatorCpu = cpuSeconds(child.pid!) ?? generatorCpu;
  }, 50);
  try {
    await once(child, 'close');
  } finally {
    clearInterval(watcher);
    process.off('exit', orphaned);
  }
  const line = /^\{.*\}$/m.exec(output)?.[0];
  if (line === undefined) throw new Error(`wrk has failed:\n${output}`);
  return { summary: JSON.parse(line) as Summary, generatorCpu };
}
