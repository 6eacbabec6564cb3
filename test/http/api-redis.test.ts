/** The HTTP API over the Redis backend, on a real server for each topic. */
import { RedisServer } from '../support/redis-server.js';
import { apiSuite } from './api-suite.js';

apiSuite(
  'redis',
  async () => {
    const server = await RedisServer.start({ appendOnly: true });
    return { url: server.url, close: () => server.stop() };
  },
  true,
);
