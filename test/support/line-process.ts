/**
 * A child process that is spoken to in lines: a command on its standard input, an answer or an event
 * on its standard output. Lines are kept, so that a test can wait for one that has come already.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface LineProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** How long a line may take, in milliseconds. Default: 60,000. */
  readonly timeoutMs?: number;
}

export class LineProcess {
  /** Every line of its standard output so far. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #exited: Promise<unknown>;
  readonly #watchers = new Set<() => void>();
  #errors = '';
  #hasEnded = false;

  constructor(program: string, args: readonly string[], options: LineProcessOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#child = spawn(program, args, { env: { ...process.env, ...options.env } });
    this.#exited = once(this.#child, 'close').finally(() => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#exited.catch(() => {});
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.lines.push(line);
      this.#wake();
    });
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  send(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Sends a line, and resolves to the first one that comes after and starts with `answer`. */
  async ask(line: string, answer: string): Promise<string> {
    const from = this.lines.length;
    this.send(line);
    return this.waitFor((candidate) => candidate.startsWith(answer), from);
  }

  /** The first line from the `from`-th on that fits. Throws where the process ends before. */
  async waitFor(fits: (line: string) => boolean, from = 0): Promise<string> {
    const deadline = Date.now() + this.#timeoutMs;
    for (let at = from; ; ) {
      for (; at < this.lines.length; at += 1) {
        if (fits(this.lines[at]!)) return this.lines[at]!;
      }
      if (this.#hasEnded || Date.now() >= deadline) {
        const why = this.#hasEnded ? 'the process ended' : 'the time is over';
        const last = this.lines.slice(-3).join(' | ');
        throw new Error(`no such line: ${why}. Last: ${last}. ${this.#errors.slice(-2_000)}`);
      }
      await this.#nextLine(deadline);
    }
  }

  /** Closes its standard input and resolves to its exit code, null after a signal. */
  async end(): Promise<number | null> {
    this.#child.stdin!.end();
    await this.#exited;
    return this.#child.exitCode;
  }

  /** Sends a signal and resolves once the process is gone and all its lines are here. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#hasEnded) this.#child.kill(signal);
    await this.#exited;
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  async #nextLine(deadline: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, deadline - Date.now());
      this.#watchers.add(done);
    });
  }
}
