/** strace on a running process: its system calls are delayed or failed, on purpose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';

export class Strace {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Attaches to every thread of a process. `inject` is strace's own expression, such as
   * `fdatasync:error=EIO`. The test's end detaches.
   */
  static async attach(t: Test, pid: number, inject: string): Promise<Strace> {
    const call = inject.split(':', 1)[0]!;
    const args = ['-f', '-p', String(pid), '-e', `trace=${call}`, '-e', `inject=${inject}`];
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const strace = new Strace(child);
    t.teardown(() => strace.detach());
    // It is read to its end: strace itself would end where nobody reads what it says.
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const fail = (): void =>
        reject(new Error(`strace did not attach: apt-get install -y strace\n${output}`));
      child.once('error', fail);
      child.once('exit', fail);
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        // It says so once for all threads that it found.
        if (output.includes(' attached')) resolve();
      });
    });
    return strace;
  }

  /** Lets the process go on as it was. */
  async detach(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await exited;
  }
}
