/** The PostgreSQL backend passes the conformance suite, on a real server for each topic. */
import { PostgresBackend } from '../../src/backends/postgres/postgres-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { PostgresServer } from '../support/postgres-server.js';

const postgres: Factory = {
  name: 'postgres',
  async open() {
    const server = await PostgresServer.start();
    return {
      create: (options) => PostgresBackend.fromUrl(server.url, options),
      async countStored() {
        const { rows } = await server.query(
          'select count(*)::int as count from resultd_tasks where head is not null',
        );
        return rows[0].count;
      },
      outage: { begin: () => server.kill(), end: () => server.restart() },
      freeze: { begin: async () => server.freeze(), end: async () => server.thaw() },
      close: () => server.stop(),
    };
  },
};

conformance(postgres);
