/** What operators and their tools ask: `/livez`, `/readyz`, `/openapi.json`, `/openapi.yaml`. */
import type { FastifyInstance } from 'fastify';
import * as answers from '../schemas/answers.js';
import { draining, storeUnavailable } from '../src/errors.js';
import { sendJson } from '../src/http/json-answer.js';
import type { Supports } from '../src/result-backend.js';

/** What readiness depends on. */
export interface Readiness {
  readonly isDraining: boolean;
  /** Milliseconds for which the store has failed; 0 where it answers. */
  readonly storeFailingForMs: number;
  readonly isStoreReady: boolean;
  readonly supports: Supports;
}

const OK = '{"status":"ok"}';

export function operationRoutes(app: FastifyInstance, readiness: () => Readiness): void {
  app.get('/livez', {
    schema: {
      operationId: 'getLiveness',
      summary: 'Whether the process lives',
      description: 'It asks nothing of the store.',
      tags: ['operations'],
      response: {
        200: answers.json('It does', 'Health', 'none'),
        ...answers.problems(answers.PLAIN_PROBLEMS),
      },
    },
    handler: async (_request, reply) => sendJson(reply.header('cache-control', 'no-store'), OK),
  });
  app.get('/readyz', {
    schema: {
      operationId: 'getReadiness',
      summary: 'Whether the process should be sent requests',
      description:
        '503 while it shuts down, and when the store has failed for 10 s, or since the start.',
      tags: ['operations'],
      response: {
        200: answers.json('It should, and what its store can do', 'Readiness', 'none'),
        ...answers.problems(answers.PLAIN_PROBLEMS, { 503: ['draining', 'store-unavailable'] }),
      },
    },
    handler: async (_request, reply) => {
      const { isDraining, isStoreReady, storeFailingForMs, supports } = readiness();
      if (isDraining) throw draining();
      if (!isStoreReady) {
        const seconds = Math.round(storeFailingForMs / 1_000);
        throw storeUnavailable(`the store has not answered for ${seconds} s: see the log`);
      }
      const { durable, listing } = supports;
      const json = JSON.stringify({ status: 'ok', store: { durable, listing } });
      return sendJson(reply.header('cache-control', 'no-store'), json);
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    sendJson(reply.header('cache-control', 'no-store'), JSON.stringify(app.swagger())),
  );
  app.get('/openapi.yaml', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .header('content-type', 'application/yaml')
      .send(Buffer.from(app.swagger({ yaml: true }))),
  );
}
