/** Who wakes whom: the servers that writers and waiters are sent to. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CallCounter } from './call-counts.js';
import type { Program } from './program.js';
import { HttpServer } from './servers.js';
import { type ServedStore, StoreServer } from './store-servers.js';

export interface WakeSetup {
  readonly writerPorts: readonly number[];
  readonly waiterPorts: readonly number[];
  /** The server processes. */
  readonly programs: readonly Program[];
  /** Counts what the store is asked; undefined where it has no server. */
  readonly counter: CallCounter | undefined;
  /** What it is asked when nothing happens: pings, mostly. */
  readonly idleCallsPerSecond: number;
  stop(): Promise<void>;
}

export type WakeSetupName =
  | 'bare'
  | 'memory'
  | 'memory, `--max-semi-space-size=2`'
  | 'Redis, one process'
  | 'Redis, two processes'
  | 'NATS, two processes'
  | 'PostgreSQL, two processes';

const FLAGS = ['--max-wait', '10m'];
const IDLE_MS = 3_000;

export const WAKE_SETUPS: readonly (readonly [WakeSetupName, () => Promise<WakeSetup>])[] = [
  ['bare', async () => single(await HttpServer.bare('waits'))],
  ['memory', async () => single(await HttpServer.ours('memory:', FLAGS))],
  [
    'memory, `--max-semi-space-size=2`',
    async () => single(await HttpServer.ours('memory:', FLAGS, ['--max-semi-space-size=2'])),
  ],
  ['Redis, one process', () => onStore('redis', 1)],
  ['Redis, two processes', () => onStore('redis', 2)],
  ['NATS, two processes', () => onStore('nats', 2)],
  ['PostgreSQL, two processes', () => onStore('postgres', 2)],
];

function single(server: HttpServer): WakeSetup {
  return {
    writerPorts: [server.port],
    waiterPorts: [server.port],
    programs: [server.program],
    counter: undefined,
    idleCallsPerSecond: 0,
    stop: () => server.stop(),
  };
}

/** Waiters at the first process, writers at the last; or both of them at all, where spread. */
export async function onStore(
  name: ServedStore,
  processes: number,
  isSpread = false,
): Promise<WakeSetup> {
  const store = await StoreServer.start(name);
  const servers: HttpServer[] = [];
  let counter: CallCounter | undefined;
  const stop = async (): Promise<void> => {
    counter?.close();
    for (const server of servers) await server.stop();
    await store.stop();
  };
  try {
    while (servers.length < processes) servers.push(await HttpServer.ours(store.url, FLAGS));
    counter = store.counter();
    const ports = servers.map((server) => server.port);
    return {
      writerPorts: isSpread ? ports : ports.slice(-1),
      waiterPorts: isSpread ? ports : ports.slice(0, 1),
      programs: servers.map((server) => server.program),
      counter,
      idleCallsPerSecond: counter === undefined ? 0 : await idleRate(counter),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function idleRate(counter: CallCounter): Promise<number> {
  const [before, startedAt] = [await counter.total(), performance.now()];
  await pause(IDLE_MS);
  return ((await counter.total()) - before) / ((performance.now() - startedAt) / 1_000);
}
