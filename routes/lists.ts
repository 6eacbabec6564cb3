/** All tasks of a namespace: `GET /v1/tasks` and `GET /v1/stats`. */
import type { FastifyInstance } from 'fastify';
import * as answers from '../schemas/answers.js';
import { type ListParameters, ListQuerySchema } from '../schemas/parameters.js';
import { ByteWriter } from '../src/http/batch/byte-writer.js';
import { sendJson } from '../src/http/json-answer.js';
import { nextPage, parseListQuery } from '../src/http/list-query.js';
import { readRoute } from '../src/http/read-route.js';
import { RequestGate } from '../src/http/request-gate.js';
import type { TaskSnapshot } from '../src/record/snapshot.js';
import type { ResultBackend } from '../src/result-backend.js';

const URL = '/v1/tasks';

/** How many lists and counts are made at once, and how many more may wait for that. */
const AT_ONCE = 16;
const QUEUED = 256;
/** About what a view takes, so that the buffer seldom grows. */
const VIEW_BYTES = 512;

/** Registers the routes. They know the contract only. */
export function listRoutes(app: FastifyInstance, backend: ResultBackend): void {
  const gate = new RequestGate({ what: 'lists and counts', atOnce: AT_ONCE, queued: QUEUED });
  readRoute<{ Querystring: ListParameters }>(app, URL, {
    schema: {
      operationId: 'listTasks',
      summary: 'List tasks, the last written first',
      description:
        'No task comes twice in one traversal. One that changes during it may be missing, and heads ' +
        'the next. Link: rel="next" leads to the next page.',
      tags: ['many'],
      querystring: ListQuerySchema,
      response: {
        200: answers.json('A page', 'TaskList', 'list'),
        ...answers.problems(answers.COUNT_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const query = parseListQuery(request.query);
      const { items, nextCursor } = await gate.run(reply.raw, () => backend.list(query));
      reply.header('cache-control', 'no-store');
      if (nextCursor !== undefined) reply.header('link', nextPage(URL, request.query, nextCursor));
      return sendJson(reply, pageOf(items, nextCursor));
    },
  });
  readRoute(app, '/v1/stats', {
    schema: {
      operationId: 'getStats',
      summary: 'Count tasks by their states',
      description: 'By the state as it is shown: a task with an outcome is SUCCESS or FAILURE.',
      tags: ['many'],
      response: {
        200: answers.json('The counts', 'Stats', 'none'),
        ...answers.problems(answers.COUNT_PROBLEMS),
      },
    },
    handler: async (_request, reply) => {
      const counts = await gate.run(reply.raw, () => backend.count());
      return sendJson(reply.header('cache-control', 'no-store'), JSON.stringify(counts));
    },
  });
}

function pageOf(items: readonly TaskSnapshot[], nextCursor: string | undefined): Buffer {
  const writer = new ByteWriter(VIEW_BYTES * (1 + items.length));
  writer.text('{"items":[');
  for (const [index, item] of items.entries())
    item.writeStatusView(writer, index > 0 ? ',' : '', '');
  writer.text(`],"next_cursor":${nextCursor === undefined ? 'null' : `"${nextCursor}"`}}`);
  return writer.take();
}
