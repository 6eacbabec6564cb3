/**
 * One part of the run: a program in a group of processes of its own, so that what it leaves behind ends
 * with it. Its output is kept for the case that it fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Tally } from './tap-reader.js';

/** What turns a program's output into tests. */
export interface Reader {
  write(text: string): void;
  writeError?(text: string): void;
  /** Called when all has come, with the exit code: null after a signal. */
  end(code: number | null): Tally | Promise<Tally>;
}

export interface Part {
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly reader: () => Reader;
}

export interface Finished extends Tally {
  readonly name: string;
  readonly seconds: number;
}

const KEPT_OUTPUT = 4_000;

const running = new Set<ChildProcess>();

/** Ends every part that runs, with all that it has started. */
export function killAll(): void {
  for (const child of running) killGroup(child);
}

/** Runs one to its end. One that says nothing for `silenceS` seconds hangs, and is ended. */
export async function runPart(
  { name, command, reader }: Part,
  silenceS: number,
): Promise<Finished> {
  const startedAt = performance.now();
  const tests = reader();
  const [file, ...args] = command;
  const child = spawn(file, args, {
    detached: true,
    env: environment(silenceS),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let tail = '';
  let silence: NodeJS.Timeout | undefined;
  let hangs = false;
  const isAlive = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      hangs = true;
      killGroup(child);
    }, silenceS * 1_000);
  };
  const decoder = new StringDecoder();
  child.stdout.on('data', (bytes: Buffer) => {
    isAlive();
    const text = decoder.write(bytes);
    tail = (tail + text).slice(-KEPT_OUTPUT);
    tests.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    isAlive();
    tail = (tail + text).slice(-KEPT_OUTPUT);
    tests.writeError?.(text);
  });
  isAlive();
  // What it leaves behind could hold its output open.
  child.once('exit', () => killGroup(child));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(silence);
  running.delete(child);
  const tally = await tests.end(code);
  if (hangs || (code !== 0 && tally.failures.length === 0)) {
    const why = hangs ? 'it hung' : `it ended with ${code === null ? 'a signal' : `code ${code}`}`;
    tally.failures.push({ name: 'as a whole', message: `${why}. Its last output:\n${tail}` });
  }
  if (tally.passed + tally.skips.length + tally.failures.length === 0) {
    const nothing = 'nothing was run in it: is a program missing?';
    if (process.env.CI === 'true') tally.failures.push({ name: 'as a whole', message: nothing });
    else tally.skips.push(nothing);
  }
  return { name, seconds: (performance.now() - startedAt) / 1_000, ...tally };
}

function environment(silenceS: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // Debian puts servers where only root looks.
    PATH: `${process.env.PATH}:/usr/sbin`,
    // Tap would end a file after 30 s.
    TAP_TIMEOUT: String(2 * silenceS),
    // Node 22 and newer compile only once what the files share.
    NODE_COMPILE_CACHE: resolve('node_modules/.cache/tests'),
    NO_COLOR: '1',
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}
