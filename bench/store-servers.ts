/** The stores' own servers beneath ours and the bare ones: each fresh, on the store's core. */
import { existsSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { NEW_NATS } from '../test/support/nats-server.js';
import { binaries, fillCluster, serverUser } from '../test/support/postgres-server.js';
import { freePort } from '../test/support/redis-server.js';
import { type CallCounter, natsCounter, redisCounter } from './call-counts.js';
import { CORE } from './machine.js';
import { Program } from './program.js';
import { freshDirectory, removeDirectory } from './servers.js';

export type ServedStore = 'redis' | 'nats' | 'postgres';

/** The newer one where it was built: `scripts/build-nats-server.sh`. */
export const NATS_PROGRAM = existsSync(NEW_NATS) ? NEW_NATS : 'nats-server';

interface Ports {
  readonly port: number;
  /** For questions about it. */
  readonly other: number;
}

interface Kind {
  /** Makes in its directory what it starts from. */
  readonly prepare?: (directory: string) => Promise<void>;
  readonly command: string;
  readonly args: (ports: Ports, directory: string) => string[];
  readonly ready: RegExp;
  readonly url: (port: number) => string;
  /** Undefined where it does not count at once. */
  readonly counter: (ports: Ports) => CallCounter | undefined;
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
  // As it is installed: each commit is synced. It will not be root, and its backends end with it.
  postgres: {
    prepare: async (directory) => {
      const { uid, gid } = serverUser();
      if (uid !== undefined) await chown(directory, uid, gid!);
      await fillCluster(directory);
    },
    command: serverUser().uid === undefined ? 'env' : 'setpriv',
    args: ({ port }, directory) => [
      ...asServer(),
      ...[join(binaries(), 'postgres'), '-D', directory, '-c', `port=${port}`],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    ],
    ready: /ready to accept connections/,
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    counter: () => undefined,
  },
};

function asServer(): string[] {
  const { uid, gid } = serverUser();
  return uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

export class StoreServer {
  readonly program: Program;
  readonly url: string;
  /** Counts what it is asked. */
  readonly counter: () => CallCounter | undefined;
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
    await kind.prepare?.(directory);
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
