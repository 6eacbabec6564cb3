/** The servers that are measured: ours as it is shipped, and the bare ones. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORE } from './machine.js';
import { type Memory, Program } from './program.js';

export const STORES = ['memory', 'lmdb', 'redis', 'nats', 'postgres'] as const;
export type Store = (typeof STORES)[number];

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const LISTENING = /listening at http:\/\/127\.0\.0\.1:(\d+)/;

/** A server process that listens. */
export class HttpServer {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  /** `resultd serve`. `flags` are its own, `nodeFlags` those of Node. */
  static ours(
    backend: string,
    flags: readonly string[] = [],
    nodeFlags: readonly string[] = [],
  ): Promise<HttpServer> {
    const args = ['serve', '--port', '0', '--backend', backend, ...flags];
    return HttpServer.#node([...nodeFlags, fileOf('../src/main.js'), ...args]);
  }

  /** One of `bare-server.ts`. */
  static bare(kind: Store | 'waits' | 'unanswered', place = ''): Promise<HttpServer> {
    return HttpServer.#node([fileOf('bare-server.js'), kind, place]);
  }

  static async #node(args: readonly string[]): Promise<HttpServer> {
    const probe = new URL('memory-probe.js', import.meta.url).href;
    return new HttpServer(
      await Program.start({
        command: process.execPath,
        args: ['--expose-gc', '--import', probe, ...args],
        core: CORE.server,
        ready: LISTENING,
      }),
    );
  }

  get port(): number {
    return Number(this.program.readyLine[1]);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Its memory after a full garbage collection. */
  memory(): Promise<Memory> {
    return this.program.ask({ ask: 'memory' });
  }

  stop(): Promise<void> {
    return this.program.stop();
  }
}

const directories = new Set<string>();
process.once('exit', () => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

/** A directory that goes with this process, where it is not removed before. */
export async function freshDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'resultd-bench-'));
  directories.add(path);
  return path;
}

export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  directories.delete(path);
}
