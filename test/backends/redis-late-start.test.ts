/**
 * A connection whose opening is late as a whole, though each answer is in time: it has failed, and
 * the next call opens another one. It never leaves one behind that is closed and not made anew.
 */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisServer } from '../support/redis-server.js';

const TIMEOUT_MS = 3_000;

t.test('who cannot subscribe in time can do so later', async (t) => {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const delays = Array.from({ length: 9 }, (_, n) => (TIMEOUT_MS * (n + 2)) / 10);
  await Promise.all(
    delays.map(async (delayMs) => {
      const proxy = await FaultProxy.start(server.port);
      const url = `redis://127.0.0.1:${proxy.port}`;
      const backend = RedisBackend.fromUrl(url, { storeTimeoutMs: TIMEOUT_MS });
      await backend.startup();
      proxy.toClient = { delayMs };
      await backend.subscribe(() => {}).catch(() => {});
      proxy.heal();
      // Long enough for a connection that is being closed to be gone.
      await pause(3 * TIMEOUT_MS);
      await t.resolves(
        backend.subscribe(() => {}),
        `answers came ${delayMs} ms late`,
      );
      await backend.shutdown();
      await proxy.stop();
    }),
  );
});
