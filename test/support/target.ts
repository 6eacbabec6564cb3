/** What the command line is tested against: a store that the test can end and start again. */
import type { Test } from 'tap';
import { Broker } from '../../src/broker.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { type CommandOptions, CommandProcess, type CommandResult, runCommand } from './command.js';
import { FaultProxy } from './fault-proxy.js';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

export class Target {
  readonly url: string;
  readonly #server: RedisServer | undefined;
  readonly #backend: ResultBackend | undefined;
  readonly #proxy: FaultProxy | undefined;

  constructor(url: string, server?: RedisServer, backend?: ResultBackend, proxy?: FaultProxy) {
    this.url = url;
    this.#server = server;
    this.#backend = backend;
    this.#proxy = proxy;
  }

  static async start(t: Test): Promise<Target> {
    const server = await RedisServer.start({ appendOnly: true });
    const { resultBackend } = await Broker.fromUrl(server.url);
    await resultBackend.startup();
    const proxy = await FaultProxy.start(server.port);
    t.teardown(async () => {
      await resultBackend.shutdown();
      await proxy.stop();
      await server.stop();
    });
    return new Target(`redis://127.0.0.1:${proxy.port}`, server, resultBackend, proxy);
  }

  /** The store itself, to write and look past the command line. */
  get backend(): ResultBackend {
    return this.#backend!;
  }

  /** Runs `resultd` on it, to its end. */
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

  async kill(): Promise<void> {
    await this.#server!.kill();
  }

  async restart(): Promise<void> {
    await this.#server!.restart();
  }

  /** Waits until so many commands wait for tasks. */
  async untilWaiting(count: number): Promise<void> {
    await until(`${count} commands wait`, () => {
      const waiting = this.#proxy!.connections.filter((connection) =>
        connection.hasSent('subscribe'),
      );
      return waiting.length >= count;
    });
  }

  #options(options: CommandOptions): CommandOptions {
    return { ...options, env: { RESULTD_URL: this.url, ...options.env } };
  }
}
