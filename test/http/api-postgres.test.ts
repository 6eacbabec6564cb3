/** The HTTP API over the PostgreSQL backend, on a real server for each topic. */
import { PostgresServer } from '../support/postgres-server.js';
import { apiSuite } from './api-suite.js';

apiSuite('postgres', async () => {
  const server = await PostgresServer.start();
  return { url: server.url, close: () => server.stop() };
});
