/**
 * nginx or haproxy for tests: Debian's program, with a configuration of the test's own, on a free
 * port, in a fresh directory. It is taken down with the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from './redis-server.js';
import { until } from './until.js';

export class ProxyProcess {
  readonly port: number;
  #output = '';

  private constructor(child: ChildProcess, port: number) {
    this.port = port;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** Starts nginx on the configuration that `configOf` makes for a port. */
  static async nginx(t: Test, configOf: (port: number) => string): Promise<ProxyProcess> {
    const [directory, port] = [await freshDirectory(t), await freePort()];
    // What it would keep in places that only root may write to.
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${directory}/${name};`,
    );
    const config = configOf(port).replace('http {', `http {\n  ${paths.join('\n  ')}`);
    const file = join(directory, 'nginx.conf');
    await writeFile(file, config);
    const globals = `daemon off; pid ${directory}/nginx.pid; error_log stderr warn;`;
    const args = ['-p', directory, '-c', file, '-e', 'stderr', '-g', globals];
    return ProxyProcess.#start(t, { program: 'nginx', args, port, package: 'nginx-light' });
  }

  /** Starts haproxy on the configuration that `configOf` makes for a port. */
  static async haproxy(t: Test, configOf: (port: number) => string): Promise<ProxyProcess> {
    const [directory, port] = [await freshDirectory(t), await freePort()];
    const file = join(directory, 'haproxy.cfg');
    await writeFile(file, configOf(port));
    const args = ['-db', '-f', file];
    return ProxyProcess.#start(t, { program: 'haproxy', args, port, package: 'haproxy' });
  }

  static async #start(
    t: Test,
    what: { program: string; args: string[]; port: number; package: string },
  ): Promise<ProxyProcess> {
    const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
    const child = spawn(what.program, what.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH },
    });
    const proxy = new ProxyProcess(child, what.port);
    let failure: Error | undefined;
    child.once('error', (error: NodeJS.ErrnoException) => {
      failure =
        error.code === 'ENOENT'
          ? new Error(`${what.program} is missing: sudo apt-get install -y ${what.package}`)
          : error;
    });
    t.teardown(async () => {
      if (failure !== undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      // For both the signal that ends it fast, its workers too.
      child.kill('SIGTERM');
      await exited;
    });
    await until(`${what.program} listens`, async () => {
      if (failure !== undefined) throw failure;
      if (child.exitCode !== null) throw new Error(`${what.program} has ended: ${proxy.#output}`);
      return accepts(what.port);
    });
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has printed: its warnings and errors. */
  get output(): string {
    return this.#output;
  }
}

async function freshDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd-proxy-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
