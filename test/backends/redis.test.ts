/** The Redis backend passes the conformance suite, on a real server. */
import { Redis } from 'ioredis';
import { RedisBackend } from '../../src/backends/redis/redis-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { RedisServer } from '../support/redis-server.js';
import { Shared } from '../support/shared.js';

const servers = new Shared(() => RedisServer.start({ appendOnly: true }));

const redis: Factory = {
  name: 'redis',
  async open(isDisturbed) {
    const { server, name, close } = await servers.open(isDisturbed);
    return {
      create: (options) => RedisBackend.fromUrl(`${server.url}?prefix=${name}:`, options),
      async countStored() {
        const client = new Redis(server.url);
        const keys = await client.keys(`${name}:{*}t:*`);
        client.disconnect();
        return keys.length;
      },
      outage: { begin: () => server.kill(), end: () => server.restart() },
      freeze: { begin: async () => server.freeze(), end: async () => server.thaw() },
      close,
    };
  },
};

conformance(redis);
