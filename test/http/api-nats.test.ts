/** The HTTP API over the NATS backend, on a real server for each topic. */
import { NatsServer } from '../support/nats-server.js';
import { apiSuite } from './api-suite.js';

apiSuite('nats', async () => {
  const server = await NatsServer.start();
  return { url: server.url, close: () => server.stop() };
});
