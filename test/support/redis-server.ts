/**
 * A real redis-server for tests: on a free port, in a fresh directory, to be killed, frozen and
 * started again on the same port and data.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.js';

export interface RedisServerOptions {
  /** Keep an append-only file, synced at each write. Default: false, nothing is kept. */
  readonly appendOnly?: boolean;
  readonly password?: string;
  /** Lines of an ACL file, such as `user worker on >secret ~* &* +@all`. */
  readonly users?: readonly string[];
  /** Take TLS connections only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Be a replica of the server on this port. */
  readonly replicaOf?: number;
  /** More arguments, such as `--maxmemory`, `1mb`. */
  readonly args?: readonly string[];
  /** Be a sentinel, with these lines in its configuration. */
  readonly sentinel?: readonly string[];
  /** Be a node of a cluster. */
  readonly isClusterNode?: boolean;
}

/** How often another port is tried where one has been taken meanwhile. */
const MOST_STARTS = 10;
/** What a server prints once its ports are its own; a sentinel prints the second. */
const IS_LISTENING = /Ready to accept connections|Sentinel ID is/;

export class RedisServer {
  readonly port: number;
  /** Where the nodes of a cluster talk to each other. */
  readonly busPort: number;
  readonly directory: string;
  readonly #options: RedisServerOptions;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(
    ports: readonly [port: number, busPort: number],
    directory: string,
    options: RedisServerOptions,
  ) {
    [this.port, this.busPort] = ports;
    this.directory = directory;
    this.#options = options;
  }

  /** Starts one and waits until it answers; on other ports where one has been taken meanwhile. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let starts = 1; ; starts += 1) {
      const server = await RedisServer.#prepare(options);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        if (starts === MOST_STARTS || !server.#output.includes('Address already in use'))
          throw error;
      }
    }
  }

  static async #prepare(options: RedisServerOptions): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-redis-'));
    if (options.users !== undefined) {
      await writeFile(join(directory, 'users.acl'), `${options.users.join('\n')}\n`);
    }
    if (options.sentinel !== undefined) {
      await writeFile(join(directory, 'sentinel.conf'), `${options.sentinel.join('\n')}\n`);
    }
    return new RedisServer([await freePort(), await freePort()], directory, options);
  }

  /** `redis://127.0.0.1:<port>`, or `rediss:` with TLS. */
  get url(): string {
    return `${this.#options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${this.port}`;
  }

  /** Starts it again, on the same port and data. */
  async restart(): Promise<void> {
    const child = spawn('redis-server', this.#arguments(), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#output = '';
    child.stdout.on('data', (data: Buffer) => {
      this.#output = (this.#output + data).slice(-4_000);
    });
    child.stderr.resume();
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'ENOENT'
            ? new Error('redis-server is missing: sudo apt-get install -y redis-server')
            : error,
        );
      });
      child.once('close', () => reject(new Error(`redis-server has ended:\n${this.#output}`)));
    });
    failed.catch(() => {});
    this.#process = child;
    const orphaned = () => child.kill('SIGKILL');
    process.once('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    await Promise.race([failed, this.#answers()]);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Its connections stay open, and nothing on them is answered. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it for good and removes its directory. */
  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  #arguments(): string[] {
    const { appendOnly, password, users, tls, replicaOf, args, sentinel, isClusterNode } =
      this.#options;
    const port = String(this.port);
    const common = [
      ...['--bind', '127.0.0.1', '--dir', this.directory],
      ...(tls === undefined ? ['--port', port] : ['--port', '0', '--tls-port', port]),
      ...(tls === undefined ? [] : ['--tls-cert-file', tls.cert, '--tls-key-file', tls.key]),
      ...(tls === undefined ? [] : ['--tls-ca-cert-file', tls.cert, '--tls-replication', 'yes']),
      ...(tls === undefined ? [] : ['--tls-auth-clients', 'no']),
    ];
    if (sentinel !== undefined) {
      return [join(this.directory, 'sentinel.conf'), '--sentinel', ...common];
    }
    return [
      ...common,
      ...['--save', ''],
      ...(appendOnly === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []),
      ...(password === undefined ? [] : ['--requirepass', password]),
      ...(users === undefined ? [] : ['--aclfile', join(this.directory, 'users.acl')]),
      ...(replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf)]),
      ...(isClusterNode === true ? ['--cluster-enabled', 'yes'] : []),
      ...(isClusterNode === true ? ['--cluster-port', String(this.busPort)] : []),
      ...(args ?? []),
    ];
  }

  /** Waits until the port is open; with TLS that is all that can be asked without a client. */
  async #answers(): Promise<void> {
    const isTls = this.#options.tls !== undefined;
    // Another one may answer there: this one must have said that the port is its own.
    await until(`redis-server answers on port ${this.port}`, async () => {
      return IS_LISTENING.test(this.#output) && (await speaks(this.port, isTls));
    });
  }
}

/** Whether something answers a PING there, be it with NOAUTH; not while it loads its data. */
async function speaks(port: number, isTls: boolean): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    if (isTls) return true;
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return !answer.toString().startsWith('-LOADING');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * A port that was free a moment ago. It is below those that the system gives to connections, which
 * would take it while its server is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
