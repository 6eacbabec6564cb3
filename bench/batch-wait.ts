/** What one batch wait over 10,000 ids, on one connection, costs in memory. */
import { HttpSocket, postRequest } from './http-socket.js';
import type { Options } from './options.js';
import { restingMemory } from './parked-waiters.js';
import { type Figure, limitFigure } from './report.js';
import { HttpServer } from './servers.js';
import { median } from './statistics.js';
import { atRest } from './waiters.js';

const IDS = 10_000;
const WARM_UP = 500;
const AT_MOST_BYTES = 1_024;

export async function measureBatchWait({ rounds, tell }: Options): Promise<Figure[]> {
  const costs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const cost = await costOfOne();
    costs.push(cost);
    tell(`batch wait, round ${round}: ${cost.toFixed(0)} B an id`);
  }
  const cost = median(costs);
  return [
    limitFigure({
      name: `a batch wait over ${IDS.toLocaleString('en')} ids: heap and buffers, for each id`,
      ours: `${cost.toFixed(0)} B`,
      ceiling: '',
      difference: '',
      isMet: cost <= AT_MOST_BYTES,
      target: `≤ ${AT_MOST_BYTES.toLocaleString('en')} B`,
    }),
  ];
}

/** Bytes for each id. */
async function costOfOne(): Promise<number> {
  const server = await HttpServer.ours('memory:', ['--max-wait', '10m']);
  const sockets: HttpSocket[] = [];
  const park = async (prefix: string, count: number): Promise<void> => {
    const socket = await HttpSocket.open(server.port);
    sockets.push(socket);
    const ids = Array.from({ length: count }, (_, at) => `${prefix}-${10_000 + at}`);
    const body = JSON.stringify({ task_ids: ids, wait: '10m' });
    socket.send(postRequest('/v1/batch/wait', body)).then(
      ({ status }) => {
        failure = `the batch wait was answered ${status}`;
      },
      () => {},
    );
    await atRest([server.program]);
  };
  let failure: string | undefined;
  try {
    await park('warm-up', WARM_UP);
    sockets[0]!.close();
    const before = await restingMemory(server);
    await park('parked', IDS);
    const after = await restingMemory(server);
    if (failure !== undefined) throw new Error(failure);
    return (after.used - before.used) / IDS;
  } finally {
    for (const socket of sockets) socket.close();
    await server.stop();
  }
}
