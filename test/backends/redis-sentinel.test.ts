/** The Redis backend passes the conformance suite behind sentinels, with writes that wait. */
import { Redis } from 'ioredis';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { RedisSentinel } from '../support/redis-sentinel.js';
import { Shared } from '../support/shared.js';

// One sentinel: what is under test is the way to the primary. Nothing fails over here.
const groups = new Shared(() =>
  RedisSentinel.start({ replicas: 1, sentinels: 1, downAfterMs: 60_000, appendOnly: true }),
);

const sentinel: Factory = {
  name: 'redis behind sentinels',
  async open(isDisturbed) {
    const { server: group, name, close } = await groups.open(isDisturbed);
    const [primary] = group.servers;
    return {
      create(options) {
        return RedisBackend.fromUrl(group.url(`wait_replicas=1&prefix=${name}:`), options);
      },
      async countStored() {
        const client = new Redis(primary!.url);
        const keys = await client.keys(`${name}:{*}t:*`);
        client.disconnect();
        return keys.length;
      },
      outage: { begin: () => primary!.kill(), end: () => primary!.restart() },
      close,
    };
  },
};

conformance(sentinel);
