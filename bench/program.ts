/**
 * A process of the benchmark: bound to a core, known to be up by a line that it prints, and ended
 * by its pid whatever happens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpuSeconds, pinned } from './machine.js';

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly core: number | undefined;
  /** What its output says once it is up. */
  readonly ready: RegExp;
}

/** Bytes, after a full garbage collection. */
export interface Memory {
  readonly rss: number;
  /** JavaScript objects, and the buffers outside of the heap. */
  readonly used: number;
}

const STARTS_WITHIN_MS = 15_000;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Program {
  /** What `ready` matched: its groups may say where it listens. */
  readonly readyLine: RegExpExecArray;
  readonly #child: ChildProcess;
  /** Rejects when it ends. */
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess, readyLine: RegExpExecArray) {
    this.#child = child;
    this.readyLine = readyLine;
    this.#ended = once(child, 'exit').then(() => {
      throw new Error(`process ${child.pid} has ended`);
    });
    this.#ended.catch(() => {});
  }

  /** Starts it and waits until it is up. Throws what it printed where it ends before. */
  static async start({ command, args, core, ready }: ProgramOptions): Promise<Program> {
    const child = spawn(...pinned(core, command, args), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: cleanEnvironment(),
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return new Program(child, await readyLineOf(child, ready));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** CPU seconds used so far. Throws where it has gone. */
  cpu(): number {
    const seconds = cpuSeconds(this.pid);
    if (seconds === undefined) throw new Error(`process ${this.pid} has ended`);
    return seconds;
  }

  /** Sends it a message; resolves to its next one. */
  async ask<T>(message: object): Promise<T> {
    const answer = once(this.#child, 'message') as Promise<[T]>;
    this.#child.send(message);
    return (await Promise.race([answer, this.#ended]))[0];
  }

  async stop(): Promise<void> {
    if (!running.has(this.#child)) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** Ours is not to be configured by whoever runs the benchmark. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('RESULTD_')),
  );
}

async function readyLineOf(child: ChildProcess, ready: RegExp): Promise<RegExpExecArray> {
  let output = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`${child.spawnargs.join(' ')}: ${why}\n${output.slice(-4_000)}`));
    };
    const late = setTimeout(() => fail('it is not up in time'), STARTS_WITHIN_MS);
    const hear = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-64_000);
      const line = ready.exec(output);
      if (line === null) return;
      clearTimeout(late);
      resolve(line);
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
    child.once('error', (error) => fail(String(error)));
    child.once('exit', () => {
      clearTimeout(late);
      fail('it has ended');
    });
  });
}
