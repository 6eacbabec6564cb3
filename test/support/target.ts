/**
 * What the command line is tested against: a service as a process, on a durable store, behind a proxy
 * that sees who connects. It can be killed and started again on the same port.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Broker } from '../../src/broker.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { type CommandOptions, CommandProcess, type CommandResult, runCommand } from './command.js';
import { FaultProxy } from './fault-proxy.js';
import { freePort } from './redis-server.js';
import { ServiceProcess } from './service-process.js';
import { until } from './until.js';

/** Runs `resultd` on a service, or on anything else that has a URL. */
export class Target {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Runs it to its end. */
  run(t: Test, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(t, args, this.#options(options));
  }

  start(t: Test, args: readonly string[], options: CommandOptions = {}): CommandProcess {
    return CommandProcess.start(t, args, this.#options(options));
  }

  startShell(t: Test, line: string, options: CommandOptions = {}): CommandProcess {
    return CommandProcess.startShell(t, line, this.#options(options));
  }

  startOnTerminal(t: Test, line: string, options: CommandOptions = {}): CommandProcess {
    return CommandProcess.startOnTerminal(t, line, this.#options(options));
  }

  #options(options: CommandOptions): CommandOptions {
    return { ...options, env: { RESULTD_URL: this.url, ...options.env } };
  }
}

export class ServiceTarget extends Target {
  /** The same service, to write and look past the command line. */
  readonly backend: ResultBackend;
  readonly #start: () => Promise<ServiceProcess>;
  readonly #proxy: FaultProxy;
  #service: ServiceProcess;

  private constructor(
    proxy: FaultProxy,
    service: ServiceProcess,
    { backend, start }: { backend: ResultBackend; start: () => Promise<ServiceProcess> },
  ) {
    super(`http://127.0.0.1:${proxy.port}`);
    this.backend = backend;
    this.#proxy = proxy;
    this.#service = service;
    this.#start = start;
  }

  static async start(t: Test): Promise<ServiceTarget> {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-command-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const port = await freePort();
    const flags = ['--backend', `lmdb:${directory}`, '--port', String(port), '--log-level', 'info'];
    const start = (): Promise<ServiceProcess> => ServiceProcess.start(t, { flags });
    const service = await start();
    const proxy = await FaultProxy.start(port);
    const { resultBackend: backend } = await Broker.fromUrl(`http://127.0.0.1:${port}`);
    await backend.startup();
    t.teardown(async () => {
      await backend.shutdown();
      await proxy.stop();
    });
    return new ServiceTarget(proxy, service, { backend, start });
  }

  /** Removes every task. */
  async clear(): Promise<void> {
    for (;;) {
      const { items } = await this.backend.list({ limit: 1_000 });
      if (items.length === 0) return;
      await Promise.all(items.map(({ taskId }) => this.backend.delete(taskId)));
    }
  }

  /** Ends the service as a crash would. */
  async kill(): Promise<void> {
    this.#service.signal('SIGKILL');
    await this.#service.exited;
  }

  async restart(): Promise<void> {
    this.#service = await this.#start();
  }

  /** Waits until so many connections have asked for this, such as `GET /v1/events`. */
  async untilAsked(text: string, count = 1): Promise<void> {
    await until(`${count} connections have asked for ${text}`, () => {
      const asking = this.#proxy.connections.filter((connection) => connection.hasSent(text));
      return asking.length >= count;
    });
  }
}
