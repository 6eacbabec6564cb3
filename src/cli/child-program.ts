/**
 * Runs a program, with its output going through and heard as it comes, and signals passed on.
 *
 * A terminal sends Ctrl-C to every process of the foreground, so the program has had that one already:
 * it is not passed on there, or the program would see two.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';

export interface ProgramRun {
  /** Undefined where it was ended by a signal, or was not started. */
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Why it was not started. */
  readonly failure: NodeJS.ErrnoException | undefined;
  readonly seconds: number;
}

export interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Told of each piece of the program's output. */
  onOutput(name: 'stdout' | 'stderr', chunk: Buffer): void;
  /** Called once the program runs, with what passes a signal on to it. */
  onRunning(passOn: (signal: NodeJS.Signals) => void): void;
}

/** How long a background process may keep the output open after the program has ended. */
const LINGER_MS = 2_000;
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** Resolves when the program has ended, however that was, or why it was not started. */
export async function runProgram(
  program: readonly string[],
  options: ProgramOptions,
): Promise<ProgramRun> {
  const { stdout, stderr } = options;
  const startedAt = performance.now();
  const child = start(program, options.env);
  let failure: NodeJS.ErrnoException | undefined;
  if ('stdout' in child) {
    passOn(child.stdout!, stdout, (chunk) => options.onOutput('stdout', chunk));
    passOn(child.stderr!, stderr, (chunk) => options.onOutput('stderr', chunk));
    options.onRunning((signal) => {
      if (!FROM_TERMINAL.includes(signal) || !isInForeground(stdout)) child.kill(signal);
    });
    failure = await ended(child);
  } else {
    failure = child;
  }
  const process = failure === undefined && 'stdout' in child ? child : undefined;
  return {
    status: process?.exitCode ?? undefined,
    signal: process?.signalCode ?? undefined,
    failure,
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

/** The child; or at once why there is none, such as arguments that are too long (E2BIG). */
function start(
  [file = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): ChildProcess | NodeJS.ErrnoException {
  try {
    return spawn(file, args, { env, stdio: ['inherit', 'pipe', 'pipe'] });
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

/** Resolves at the end of the program and its output; to why it was not started, where it was not. */
async function ended(child: ChildProcess): Promise<NodeJS.ErrnoException | undefined> {
  const closed = once(child, 'close');
  try {
    await once(child, 'exit');
  } catch (error) {
    await closed.catch(() => {});
    return error as NodeJS.ErrnoException;
  }
  const timer = setTimeout(() => {
    // What a process in the background says later belongs to no outcome.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, LINGER_MS);
  await closed;
  clearTimeout(timer);
  return undefined;
}

/** Passes output on as fast as it is taken. Where nobody takes it any more it is only heard. */
function passOn(
  source: Readable,
  sink: NodeJS.WriteStream,
  onChunk: (chunk: Buffer) => void,
): void {
  let isGone = false;
  const resume = (): void => void source.resume();
  sink.once('error', () => {
    isGone = true;
    resume();
  });
  source.on('data', (chunk: Buffer) => {
    onChunk(chunk);
    if (isGone || sink.destroyed || sink.write(chunk)) return;
    source.pause();
    sink.once('drain', resume);
  });
  // A program that closes its own output is no failure of it.
  source.on('error', () => {});
}

/** Whether this process is in the foreground of a terminal, which sends Ctrl-C to all that are. */
function isInForeground(stdout: NodeJS.WriteStream): boolean {
  try {
    // After the name in parentheses: state, parent, group, session, terminal, its foreground group.
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[4] !== '0' && fields[2] === fields[5];
  } catch {
    return stdout.isTTY === true;
  }
}
