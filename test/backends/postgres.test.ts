/** The PostgreSQL backend passes the conformance suite, on a real server. */
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { PostgresHere } from '../support/postgres-here.js';
import { PostgresServer } from '../support/postgres-server.js';
import { Shared } from '../support/shared.js';

const servers = new Shared(() => PostgresServer.start());

const postgres: Factory = {
  name: 'postgres',
  async open(isDisturbed) {
    const { server, name, close } = await servers.open(isDisturbed);
    return {
      create: (options) => PostgresHere.fromUrl(`${server.url}?table=${name}`, options),
      async countStored() {
        const { rows } = await server.query(
          `select count(*)::int as count from ${name} where head is not null`,
        );
        return rows[0].count;
      },
      outage: { begin: () => server.kill(), end: () => server.restart() },
      freeze: { begin: async () => server.freeze(), end: async () => server.thaw() },
      close,
    };
  },
};

conformance(postgres);
