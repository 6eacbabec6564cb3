/**
 * A real PostgreSQL for tests: on a free port, in a fresh directory, to be killed, frozen and started
 * again on the same port and data. It syncs to the disk, as one in use does.
 *
 * It refuses to run as root: where the tests do, it runs as the user `postgres`. A cluster is made
 * once for each process, and copied for each server.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, type ClientConfig, type QueryResult } from 'pg';
import { freePort } from './redis-server.js';

const run = promisify(execFile);

export interface PostgresServerOptions {
  /** Lines of postgresql.conf, such as `max_connections = 10`. */
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf, in place of one that trusts everybody on the loopback. */
  readonly access?: readonly string[];
  /** Take TLS connections too. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where to put the data. Default: a fresh directory. It must belong to the server's user. */
  readonly directory?: string;
}

const STARTS_WITHIN_MS = 60_000;
const IS_READY = /database system is ready to accept connections/;
const MISSING = 'PostgreSQL is missing: sudo apt-get install -y postgresql';

export class PostgresServer {
  readonly port: number;
  readonly directory: string;
  #process: ChildProcess | undefined;
  #output = '';
  #frozen: number[] = [];

  private constructor(port: number, directory: string) {
    this.port = port;
    this.directory = directory;
  }

  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const directory = options.directory ?? (await freshDirectory());
    await fillCluster(directory);
    const server = new PostgresServer(await freePort(), directory);
    const settings = [
      `port = ${server.port}`,
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = ''",
      'shared_buffers = 16MB',
      'max_connections = 40',
      ...(options.settings ?? []),
      ...(options.tls === undefined ? [] : ['ssl = on']),
    ];
    if (options.tls !== undefined) {
      await ownCopy(options.tls.cert, join(directory, 'server.crt'));
      await ownCopy(options.tls.key, join(directory, 'server.key'));
    }
    await appendFile(join(directory, 'postgresql.conf'), `${settings.join('\n')}\n`);
    const access = options.access ?? ['host all all 127.0.0.1/32 trust'];
    await writeFile(join(directory, 'pg_hba.conf'), `${access.join('\n')}\n`);
    await server.restart();
    return server;
  }

  /** `postgres://postgres@127.0.0.1:<port>/postgres`. */
  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** The end of its log. */
  get output(): string {
    return this.#output;
  }

  /** Starts it again, on the same port and data. Resolves when it takes connections. */
  async restart(): Promise<void> {
    const child = spawn(join(binaries(), 'postgres'), ['-D', this.directory], {
      ...serverUser(),
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    this.#output = '';
    const orphaned = () => child.kill('SIGQUIT');
    process.once('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(this.#failed('is not ready in time')), STARTS_WITHIN_MS);
      child.stderr!.on('data', (data: Buffer) => {
        this.#output = (this.#output + data).slice(-10_000);
        if (!IS_READY.test(this.#output)) return;
        clearTimeout(late);
        resolve();
      });
      child.once('error', reject);
      child.once('exit', () => reject(this.#failed('has ended')));
    });
  }

  /** Ends it as a crash would: what is not in its log is lost, and recovered at the next start. */
  async kill(): Promise<void> {
    await this.#end('SIGQUIT');
  }

  /** Ends its connections, and then itself, in order. */
  async shutDown(): Promise<void> {
    await this.#end('SIGINT');
  }

  /** Its connections stay open, and nothing on them is answered; new ones are not taken either. */
  freeze(): void {
    const pid = this.#process!.pid!;
    process.kill(pid, 'SIGSTOP');
    this.#frozen = [pid, ...childrenOf(pid)];
    for (const frozen of this.#frozen) signal(frozen, 'SIGSTOP');
  }

  thaw(): void {
    for (const frozen of this.#frozen) signal(frozen, 'SIGCONT');
    this.#frozen = [];
  }

  /** Runs statements as the administrator, on a connection of their own. */
  async query(text: string): Promise<QueryResult> {
    const client = await this.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  /** A connection of the administrator, which the caller ends. */
  async connect(options: ClientConfig = {}): Promise<Client> {
    const place = { host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres' };
    const client = new Client({ ...place, ...options });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** Ends it for good and removes its data. */
  async stop(): Promise<void> {
    await this.#end('SIGQUIT');
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    this.thaw();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(how);
    await exited;
  }

  #failed(how: string): Error {
    return new Error(`PostgreSQL ${how}:\n${this.#output}`);
  }
}

/** The folder of the newest PostgreSQL that is installed where Debian puts it. */
export function binaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  if (versions[0] === undefined) throw new Error(MISSING);
  return join(root, String(versions[0]), 'bin');
}

/** Whom servers that refuse to be root run as; nobody else where the tests are not root. */
export function serverUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (line === null) throw new Error(MISSING);
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

/** An empty directory that belongs to the server's user. */
export async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd-postgres-'));
  const { uid, gid } = serverUser();
  if (uid !== undefined) await chown(directory, uid, gid!);
  return directory;
}

/** It insists that its key is read by nobody else. */
async function ownCopy(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from), { mode: 0o600 });
  const { uid, gid } = serverUser();
  if (uid !== undefined) await chown(to, uid, gid!);
}

/** Makes an empty cluster in a directory that belongs to the server's user. */
export async function fillCluster(directory: string): Promise<void> {
  await asServer('cp', ['-a', `${await template()}/.`, directory]);
  await chmod(directory, 0o700);
}

let cluster: Promise<string> | undefined;

/** An empty cluster, made once in this process, and removed at its end. */
function template(): Promise<string> {
  cluster ??= (async () => {
    const directory = await freshDirectory();
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    const args = ['--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8'];
    await asServer(join(binaries(), 'initdb'), [...args, '--locale=C.UTF-8', '-D', directory]);
    return directory;
  })();
  return cluster;
}

async function asServer(program: string, args: readonly string[]): Promise<void> {
  await run(program, args, { ...serverUser(), cwd: '/' });
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
