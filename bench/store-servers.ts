/** The stores' own servers beneath ours and the bare ones: each fresh, on the store's core. */
import { existsSync } from 'node:fs';
import { NEW_NATS } from '../test/support/nats-server.js';
import { freePort } from '../test/support/redis-server.js';
import { type CallCounter, natsCounter, redisCounter } from './call-counts.js';
import { CORE } from './machine.js';
import { Program } from './program.js';
import { freshDirectory, removeDirectory } from './servers.js';

export type ServedStore = 'redis' | 'nats';

/** The newer one where it was built: `scripts/build-nats-server.sh`. */
export const NATS_PROGRAM = existsSync(NEW_NATS) ? NEW_NATS : 'nats-server';

interface Ports {
  readonly port: number;
  /** For questions about it. */
  readonly other: number;
}

interface Kind {
  readonly command: string;
  readonly args: (ports: Ports, directory: string) => string[];
  readonly ready: RegExp;
  readonly url: (port: number) => string;
  readonly counter: (ports: Ports) => CallCounter;
}

const KINDS: Readonly<Record<ServedStore, Kind>> = {
  // It keeps nothing on disk.
  redis: {
    command: 'redis-server',
    args: ({ port }, directory) => [
      ...['--bind', '127.0.0.1', '--port', String(port)],
      ...['--dir', directory, '--save', ''],
    ],
    ready: /Ready to accept connections/,
    url: (port) => `redis://127.0.0.1:${port}`,
    counter: ({ port }) => redisCounter(port),
  },
  // Its files are synced every two minutes, which is its default.
  nats: {
    command: NATS_PROGRAM,
    args: ({ port, other }, directory) => [
      ...['-a', '127.0.0.1', '-p', String(port), '-m', String(other)],
      ...['-js', '-sd', directory],
    ],
    ready: /Server is ready/,
    url: (port) => `nats://127.0.0.1:${port}`,
    counter: ({ other }) => natsCounter(other),
  },
};

export class StoreServer {
  readonly program: Program;
  readonly url: string;
  /** Counts what it is asked. */
  readonly counter: () => CallCounter;
  readonly #directory: string;

  private constructor(program: Program, kind: Kind, ports: Ports, directory: string) {
    this.program = program;
    this.url = kind.url(ports.port);
    this.counter = () => kind.counter(ports);
    this.#directory = directory;
  }

  static async start(store: ServedStore): Promise<StoreServer> {
    const kind = KINDS[store];
    const directory = await freshDirectory();
    const ports = { port: await freePort(), other: await freePort() };
    const program = await Program.start({
      command: kind.command,
      args: kind.args(ports, directory),
      core: CORE.store,
      ready: kind.ready,
    });
    return new StoreServer(program, kind, ports, directory);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await removeDirectory(this.#directory);
  }
}

/** Whether the store is a server. */
export function isServed(store: string): store is ServedStore {
  return store in KINDS;
}
