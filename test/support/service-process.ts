/**
 * The service as a process of its own, for tests of signals, of `kill -9` and of what it prints.
 * It is the compiled command itself, on a free port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { HANG_MS } from './until.js';

/** Seen from the compiled file. */
const COMMAND = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface ProcessOptions {
  /** Flags after `serve`. `--port 0` is added. */
  readonly flags?: readonly string[];
  /** Added to the environment, from which every `RESULTD_` variable is taken away. */
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command, such as `strace`. */
  readonly wrapper?: readonly string[];
  readonly cwd?: string;
  /** Node, and the command. Default: this process's own, and the command of this build. */
  readonly program?: readonly [node: string, command: string];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ServiceProcess {
  /** Resolves when the process has ended and all of its output has come. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = '';
  #origin = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        child.emit('output');
      });
    }
  }

  /** Starts the process without waiting for it to listen. The test's end kills it. */
  static spawn(t: Test, options: ProcessOptions = {}) {
    const { flags = [], env = {}, wrapper = [], cwd } = options;
    const { program = [process.execPath, COMMAND] } = options;
    const [file = '', ...args] = [...wrapper, ...program, 'serve', '--port', '0', ...flags];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('RESULTD_'));
    const child = spawn(file, args, {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const service = new ServiceProcess(child);
    t.teardown(async () => {
      service.signal('SIGKILL');
      await service.exited;
    });
    return service;
  }

  /** Starts the process and waits until it listens. Rejects with its output where it ends first. */
  static async start(t: Test, options: ProcessOptions = {}): Promise<ServiceProcess> {
    const service = ServiceProcess.spawn(t, options);
    service.#origin = (await service.untilOutput(/Server listening at (http:\/\/[^"\s]+)/))[1]!;
    return service;
  }

  /** `http://127.0.0.1:<port>` */
  get origin(): string {
    return this.#origin;
  }

  /** The process's id; with a wrapper, the wrapper's. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the output matches. Rejects where the process ends, or takes too long. */
  async untilOutput(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + HANG_MS;
    let exit: Exit | undefined;
    const ended = this.exited.then((found) => {
      exit = found;
    });
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (exit !== undefined || Date.now() > deadline) {
        const how = exit === undefined ? 'it still runs' : `it ended with ${JSON.stringify(exit)}`;
        throw new Error(`the service has not printed ${pattern} (${how}):\n${this.#output}`);
      }
      const timeout = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
      await Promise.race([ended, once(this.#child, 'output', { signal: timeout }).catch(() => {})]);
    }
  }

  /** Sends a signal; false where the process has ended. */
  signal(name: NodeJS.Signals): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
      ? this.#child.kill(name)
      : false;
  }

  /** Asks it to shut down, and waits until it has. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }
}
