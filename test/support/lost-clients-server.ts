/**
 * The service in a process of its own that can be asked for its waiters and its memory: the other
 * side of `test/http/lost-clients.test.ts`. Run with --expose-gc, spoken to in lines.
 */
import { createInterface } from 'node:readline';
import { buildApp } from '../../src/app.js';
import { Broker } from '../../src/broker.js';

const app = await buildApp(await Broker.fromUrl('memory:'), { logLevel: 'silent' });
await app.startup();
await app.http.listen({ host: '127.0.0.1', port: 0 });
const { port } = app.http.server.address() as { port: number };
process.stdout.write(`port ${port}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'parked') process.stdout.write(`parked ${app.hub.parked}\n`);
  if (line === 'heap') {
    // Twice: what the first one finalizes is freed by the second.
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc!();
    process.stdout.write(`heap ${process.memoryUsage().heapUsed}\n`);
  }
}
await app.shutdown();
