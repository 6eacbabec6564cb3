/** The Redis backend passes the conformance suite on a cluster. */
import { Redis } from 'ioredis';
import t from 'tap';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { RedisCluster } from '../support/redis-cluster.js';

// A new cluster takes seconds to form, so there is one, and each store has a prefix of its own in it.
const cluster = await RedisCluster.start({ replicas: 0, nodeTimeoutMs: 15_000, appendOnly: true });
t.teardown(() => cluster.stop());
let stores = 0;

const factory: Factory = {
  name: 'redis cluster',
  isShared: true,
  async open() {
    stores += 1;
    const prefix = `store-${stores}:`;
    return {
      create: (options) => RedisBackend.fromUrl(cluster.url(`prefix=${prefix}`), options),
      async countStored() {
        let count = 0;
        for (const { url } of cluster.servers) {
          const client = new Redis(url);
          count += (await client.keys(`${prefix}{*}t:*`)).length;
          client.disconnect();
        }
        return count;
      },
      outage: {
        async begin() {
          await Promise.all(cluster.servers.map((server) => server.kill()));
        },
        async end() {
          await Promise.all(cluster.servers.map((server) => server.restart()));
          await cluster.isWell();
        },
      },
      close: async () => {},
    };
  },
};

conformance(factory);
