/**
 * The PostgreSQL backend passes the conformance suite through PgBouncer, which gives it a connection
 * for one transaction at a time; only the listening connection goes past it.
 */
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { PostgresHere } from '../support/postgres-here.js';
import { PostgresServer } from '../support/postgres-server.js';
import { Shared } from '../support/shared.js';

const servers = new Shared(async () => {
  const server = await PostgresServer.start();
  const pooler = await PgBouncer.start(server);
  const stop = async (): Promise<void> => {
    await pooler.stop();
    await server.stop();
  };
  return { server, pooler, stop };
});

const pooled: Factory = {
  name: 'postgres, pooled',
  async open(isDisturbed) {
    const { server: pair, name, close } = await servers.open(isDisturbed);
    const { server, pooler } = pair;
    return {
      create(options) {
        return PostgresHere.fromUrl(`${pooler.urlFor(server)}&table=${name}`, options);
      },
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

conformance(pooled);
