/**
 * A real PgBouncer in front of a PostgreSQL, on a free port: it lends a connection for one transaction
 * at a time. It refuses to run as root, as PostgreSQL does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freshDirectory, type PostgresServer, serverUser } from './postgres-server.js';
import { freePort } from './redis-server.js';

const PROGRAM = '/usr/sbin/pgbouncer';
const STARTS_WITHIN_MS = 30_000;

export class PgBouncer {
  readonly port: number;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(port: number, directory: string, child: ChildProcess) {
    this.port = port;
    this.#directory = directory;
    this.#process = child;
  }

  static async start(server: PostgresServer): Promise<PgBouncer> {
    if (!existsSync(PROGRAM)) throw new Error('sudo apt-get install -y pgbouncer');
    const directory = await freshDirectory();
    const port = await freePort();
    const file = join(directory, 'pgbouncer.ini');
    const lines = [
      '[databases]',
      `postgres = host=127.0.0.1 port=${server.port} user=postgres`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 4',
      'query_wait_timeout = 2',
      'server_login_retry = 0.1',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const { uid, gid } = serverUser();
    if (uid !== undefined) await chown(file, uid, gid!);
    const child = spawn(PROGRAM, [file], {
      ...serverUser(),
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const orphaned = () => child.kill('SIGKILL');
    process.once('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    await isUp(child);
    return new PgBouncer(port, directory, child);
  }

  /** In front of the database, with prepared statements left out, which Debian's version cannot do. */
  urlFor({ url }: PostgresServer): string {
    const listen = encodeURIComponent(url);
    return `postgres://postgres@127.0.0.1:${this.port}/postgres?prepare=off&listen=${listen}`;
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await exited;
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function isUp(child: ChildProcess): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    const failed = (how: string) => reject(new Error(`PgBouncer ${how}:\n${output}`));
    const late = setTimeout(() => failed('is not up in time'), STARTS_WITHIN_MS);
    child.stderr!.on('data', (data: Buffer) => {
      output = (output + data).slice(-5_000);
      if (!output.includes('process up')) return;
      clearTimeout(late);
      resolve();
    });
    child.once('error', reject);
    child.once('exit', () => failed('has ended'));
  });
}
