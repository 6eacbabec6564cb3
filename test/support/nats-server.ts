/**
 * A real nats-server for tests, with JetStream: on a free port, in a fresh directory, to be killed,
 * frozen and started again on the same port and data. Debian's, or a newer one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './redis-server.js';

/** Where scripts/build-nats-server.sh puts it. */
export const NEW_NATS = fileURLToPath(
  new URL('../../../.tools/bin/nats-server-2.12.15', import.meta.url),
);
const IS_READY = 'Server is ready';
const MOST_STARTS = 10;

/** `debian` is 2.9, the oldest that is supported; `new` is built by scripts/build-nats-server.sh. */
export type NatsVersion = 'debian' | 'new';

/** The versions that can be run here. Under CI every one must be. */
export function natsVersions(): readonly NatsVersion[] {
  if (existsSync(NEW_NATS)) return ['debian', 'new'];
  if (process.env.CI === 'true') {
    throw new Error('the newer nats-server is missing: run scripts/build-nats-server.sh');
  }
  return ['debian'];
}

export interface NatsServerOptions {
  /** Default: `debian`. */
  readonly version?: NatsVersion;
  /** Lines of its configuration beside port, directory and JetStream. */
  readonly config?: readonly string[];
}

export class NatsServer {
  readonly port: number;
  readonly directory: string;
  readonly #options: NatsServerOptions;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(port: number, directory: string, options: NatsServerOptions) {
    this.port = port;
    this.directory = directory;
    this.#options = options;
  }

  /** Starts one and waits until it answers; on another port where one has been taken meanwhile. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    for (let starts = 1; ; starts += 1) {
      const server = await NatsServer.prepare(await freePort(), options);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        if (starts === MOST_STARTS || !server.#output.includes('address already in use'))
          throw error;
      }
    }
  }

  /** One on this port, not started. */
  static async prepare(port: number, options: NatsServerOptions): Promise<NatsServer> {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-nats-'));
    const config = [
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: ${JSON.stringify(directory)} }`,
      ...(options.config ?? []),
    ];
    await writeFile(join(directory, 'nats.conf'), `${config.join('\n')}\n`);
    return new NatsServer(port, directory, options);
  }

  /** `nats://127.0.0.1:<port>`, without the warning about syncs. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}?sync_warning=off`;
  }

  /** Starts it again, on the same port and data; as another version, where one is named. */
  async restart(version: NatsVersion = this.#options.version ?? 'debian'): Promise<void> {
    const program = version === 'new' ? NEW_NATS : 'nats-server';
    const child = spawn(program, ['-c', join(this.directory, 'nats.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Debian puts it where only root looks.
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    this.#process = child;
    this.#output = '';
    const orphaned = () => child.kill('SIGKILL');
    process.once('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => {
        this.#output = (this.#output + data).slice(-4_000);
        if (this.#output.includes(IS_READY)) resolve();
      });
      child.once('error', (error: NodeJS.ErrnoException) => {
        const isMissing = error.code === 'ENOENT';
        const how = 'nats-server is missing: sudo apt-get install -y nats-server';
        reject(isMissing ? new Error(how) : error);
      });
      child.once('close', () => reject(new Error(`nats-server has ended:\n${this.#output}`)));
    });
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Its connections stay open, and nothing on them is answered. Resolves once that is so. */
  async freeze(): Promise<void> {
    const { pid } = this.#process!;
    this.#process!.kill('SIGSTOP');
    const isStopped = async (): Promise<boolean> =>
      /\) T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'));
    while (!(await isStopped())) await pause(1);
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it for good and removes its directory. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
