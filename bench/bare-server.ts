/**
 * The ceiling: a Fastify server set up as ours is, with nothing of ours in it. Run as
 * `bare-server.js memory|lmdb|redis|nats|postgres|waits|unanswered [place]`; its log says where it listens.
 */
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import {
  lmdbRoutes,
  memoryRoutes,
  natsRoutes,
  postgresRoutes,
  redisRoutes,
} from './bare-stores.js';
import { unansweredRoutes, waitRoutes } from './bare-waits.js';

const ROUTES: Readonly<
  Record<string, (http: FastifyInstance, place: string) => Promise<void> | void>
> = {
  memory: memoryRoutes,
  lmdb: lmdbRoutes,
  redis: redisRoutes,
  nats: natsRoutes,
  postgres: postgresRoutes,
  waits: waitRoutes,
  unanswered: unansweredRoutes,
};

async function main([kind = '', place = '']: string[]): Promise<void> {
  const addRoutes = ROUTES[kind];
  if (addRoutes === undefined) {
    throw new Error(`"${kind}" is none of ${Object.keys(ROUTES).join(', ')}`);
  }
  const http = Fastify({
    logger: { level: 'info' },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 8 * 1_024 * 1_024,
    requestTimeout: 300_000,
  });
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  await addRoutes(http, place);
  await http.listen({ host: '127.0.0.1', port: 0 });
}

await main(process.argv.slice(2));
