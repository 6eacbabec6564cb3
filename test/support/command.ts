/** The compiled command `resultd` as a process, with pipes or on a terminal of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { HANG_MS } from './until.js';

/** Seen from the compiled file. */
export const COMMAND = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface CommandOptions {
  /** Added to the environment, from which every `RESULTD_` variable is taken away. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** The standard output as text. */
  readonly text: string;
  /** The error output. */
  readonly errors: string;
}

export class CommandProcess {
  /** Resolves when it has ended and all of its output has come. */
  readonly result: Promise<CommandResult>;
  readonly child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  private constructor(t: Test, [file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv) {
    // A session of its own: a terminal that the tests may be run from is not its terminal.
    this.child = spawn(file, args, { env, detached: true, stdio: 'pipe' });
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.on('data', (chunk: Buffer) => this.#take(this.#stdout, chunk));
    this.child.stderr!.on('data', (chunk: Buffer) => this.#take(this.#stderr, chunk));
    this.result = once(this.child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: Buffer.concat(this.#stdout),
      text: this.text,
      errors: this.errors,
    }));
    t.teardown(async () => {
      this.signal('SIGKILL');
      await this.result;
    });
  }

  /** Starts `resultd` with these arguments. The test's end kills it. */
  static start(t: Test, args: readonly string[], options: CommandOptions = {}): CommandProcess {
    const command = new CommandProcess(
      t,
      [process.execPath, COMMAND, ...args],
      environment(options.env),
    );
    if (options.stdin !== undefined) command.child.stdin!.end(options.stdin);
    return command;
  }

  /** Starts a line of shell commands, in which `resultd` is the command. */
  static startShell(t: Test, line: string, options: CommandOptions = {}): CommandProcess {
    return new CommandProcess(t, ['bash', '-c', withFunction(line)], environment(options.env));
  }

  /** The same on a terminal of its own, 100 columns by 30 rows; what is shown is its output. */
  static startOnTerminal(t: Test, line: string, options: CommandOptions = {}): CommandProcess {
    const script = `stty cols 100 rows 30; ${withFunction(line)}`;
    const env = environment({ TERM: 'xterm', ...options.env, LINE: script });
    return new CommandProcess(t, ['script', '-qec', 'bash -c "$LINE"', '/dev/null'], env);
  }

  /** All that it has printed to the standard output. */
  get text(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get errors(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  /** Sends a signal to the process alone; false where it has ended. */
  signal(name: NodeJS.Signals): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.kill(name);
  }

  /** Types something on its terminal, or into its pipe. */
  type(text: string): void {
    this.child.stdin!.write(text);
  }

  /** Waits until either output matches. Rejects where the process ends, or takes too long. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + HANG_MS;
    let hasEnded = false;
    const ended = this.result.then(() => {
      hasEnded = true;
    });
    for (;;) {
      const match = pattern.exec(this.text) ?? pattern.exec(this.errors);
      if (match !== null) return match;
      if (hasEnded || Date.now() > deadline) {
        throw new Error(`it has not printed ${pattern}:\n${this.text}\n${this.errors}`);
      }
      const timeout = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
      await Promise.race([ended, once(this.child, 'output', { signal: timeout }).catch(() => {})]);
    }
  }

  #take(chunks: Buffer[], chunk: Buffer): void {
    chunks.push(chunk);
    this.child.emit('output');
  }
}

/** Runs `resultd` to its end. */
export function runCommand(
  t: Test,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return CommandProcess.start(t, args, { stdin: '', ...options }).result;
}

function withFunction(line: string): string {
  return `resultd() { "${process.execPath}" "${COMMAND}" "$@"; }; ${line}`;
}

function environment(added: CommandOptions['env']): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    // What the test runner would have every Node load costs each command as long as it takes itself.
    ([name]) => !name.startsWith('RESULTD_') && !['NO_COLOR', 'NODE_OPTIONS'].includes(name),
  );
  return { ...Object.fromEntries(inherited), ...added };
}
