/** Ten thousand clients that vanish while they wait: no waiter stays, and memory does not grow. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LineProcess } from '../support/line-process.js';
import { ParkedClient } from '../support/parked-clients.js';
import { until } from '../support/until.js';

const CLIENTS = 10_000;
const ROUNDS = 2;
const SERVER = fileURLToPath(new URL('../support/lost-clients-server.js', import.meta.url));

async function numberOf(server: LineProcess, what: 'parked' | 'heap'): Promise<number> {
  const line = await server.ask(what, `${what} `);
  return Number(line.slice(what.length));
}

t.test('10,000 clients that vanish leave no waiter, and memory flat', async (t) => {
  const server = new LineProcess(process.execPath, ['--expose-gc', SERVER]);
  t.teardown(() => server.kill());
  const port = Number((await server.waitFor((line) => line.startsWith('port '))).slice(5));
  const heaps: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Some wait for a task of their own, some together.
    const clients = await ParkedClient.askMany(
      port,
      CLIENTS,
      (n) => `/v1/tasks/task-${n % 3 === 0 ? 'shared' : `${round}-${n}`}/result?wait=55s`,
    );
    await until('all are parked', async () => (await numberOf(server, 'parked')) === CLIENTS);
    for (const [n, client] of clients.entries()) client.vanish(n % 2 === 0);
    await until('no waiter is left', async () => (await numberOf(server, 'parked')) === 0);
    heaps.push(await numberOf(server, 'heap'));
  }
  const shown = heaps.map((bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`).join(', ');
  // The first round warms up; a waiter that stays, or its socket, is some KiB.
  const growth = (heaps.at(-1)! - heaps[0]!) / CLIENTS / (ROUNDS - 1);
  t.ok(growth < 64, `${Math.round(growth)} bytes for each client (${shown})`);
  t.comment(shown);
});
