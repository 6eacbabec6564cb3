/**
 * The HTTP backend passes the conformance suite through a proxy that, now and then, answers 502, 503
 * or 429 in the service's place, cuts the connection, or is slow.
 */
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import type { Factory } from '../conformance/factory.js';
import { Random, testSeed } from '../conformance/random.js';
import { conformance } from '../conformance/suite.js';
import { FlakyFront, type Treatment } from '../support/flaky-front.js';
import { HTTP_DEVIATIONS } from '../support/http-deviations.js';
import { RemoteStore } from '../support/remote-store.js';

const random = new Random(testSeed());
const AT_ONCE = { 'retry-after': '0' };
let faults = 0;

/**
 * Answers are never lost here: what then comes of a write is a test of its own. Nor may it seem so
 * for a DELETE or a conditional change of an expiry, of which nobody can tell whether it was done.
 */
function treatment({ method, url, headers }: IncomingMessage): Treatment {
  const dice = random.below(200);
  if (dice >= 14) return 'pass';
  faults += 1;
  if (dice < 3) return { delayMs: random.below(40) };
  if (dice < 5) return { status: 429, headers: AT_ONCE };
  const hasCondition = headers['if-match'] ?? headers['if-none-match'];
  const isOnce = method === 'DELETE' || (url!.endsWith('/expiry') && hasCondition !== undefined);
  if (dice < 8 || isOnce) return { status: 503, headers: AT_ONCE };
  return dice < 11 ? { cut: 'before' } : { status: dice < 13 ? 502 : 504 };
}

const flaky: Factory = {
  name: 'http through a bad proxy',
  deviations: HTTP_DEVIATIONS,
  async open() {
    const remote = await RemoteStore.memory();
    const front = await FlakyFront.start(remote.origin);
    front.treat = treatment;
    return {
      create: (options) => HttpBackend.fromUrl(front.url, options),
      countStored: async () => remote.storedTasks,
      async close() {
        await front.stop();
        await remote.stop();
      },
    };
  },
};

conformance(flaky);

t.test('the proxy was a bad one', async (t) => {
  t.ok(faults > 500, `${faults} faults`);
});
