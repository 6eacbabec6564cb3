/** What becomes of tasks, as it happens: `GET /v1/events` and `GET /v1/tasks/{task_id}/events`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as answers from '../schemas/answers.js';
import {
  EventsHeadersSchema,
  type EventsQuery,
  EventsQuerySchema,
  EXAMPLE_IDS,
  type TaskEventsQuery,
  TaskEventsQuerySchema,
  type TaskParams,
  taskParams,
} from '../schemas/parameters.js';
import { invalidParameter } from '../src/errors.js';
import { EventFilter } from '../src/events/event-filter.js';
import type { EventHub, EventRequest } from '../src/events/event-hub.js';
import { park } from '../src/http/parked-requests.js';
import { readRoute } from '../src/http/read-route.js';
import { checkTaskId } from '../src/record/names.js';

/** How many tasks and states one stream may be for: each of them is kept while it is open. */
const MOST_FILTERS = 100;

/** No cache or proxy may keep, change or hold back what is meant to arrive at once. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  // A stream ends with its connection: the next one may find a replica that is not shutting down.
  connection: 'close',
};

/** Registers the routes. They know the event hub only. */
export function eventRoutes(app: FastifyInstance, hub: EventHub): void {
  readRoute<{ Querystring: EventsQuery }>(app, '/v1/events', {
    schema: {
      operationId: 'streamEvents',
      summary: 'Follow all tasks, or some of them, as Server-Sent Events',
      description:
        'Changes as they happen, at most every 50 ms. A reset says that some may have been missed.',
      tags: ['events'],
      querystring: EventsQuerySchema,
      headers: EventsHeadersSchema,
      response: {
        200: answers.events('Changes from now on, or from Last-Event-ID'),
        ...answers.problems(answers.EVENT_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const { task_id, state, last_event_id } = request.query;
      const taskIds = [task_id ?? []].flat();
      const states = [state ?? []].flat();
      checkFilter(taskIds, states);
      const filter = new EventFilter(taskIds, states);
      return stream(hub, request, reply, { filter, lastEventId: last_event_id });
    },
  });
  readRoute<{ Params: TaskParams; Querystring: TaskEventsQuery }>(
    app,
    '/v1/tasks/:task_id/events',
    {
      schema: {
        operationId: 'streamTaskEvents',
        summary: 'Follow one task as Server-Sent Events, from its present status on',
        description: 'The present status first, then every change. The stream stays open.',
        tags: ['events'],
        params: taskParams(EXAMPLE_IDS.started),
        querystring: TaskEventsQuerySchema,
        headers: EventsHeadersSchema,
        response: {
          200: answers.events('The present status, or what came after Last-Event-ID; then changes'),
          ...answers.problems(answers.EVENT_PROBLEMS, { 400: ['invalid-request'] }),
        },
      },
      handler: async (request, reply) => {
        const { task_id } = request.params;
        checkTaskId(task_id);
        const lastEventId = request.query.last_event_id;
        const filter = new EventFilter([task_id]);
        return stream(hub, request, reply, { filter, lastEventId, startsWith: task_id });
      },
    },
  );
}

/** Throws `invalid-task-id`, and `invalid-parameter` where there are too many. */
function checkFilter(taskIds: readonly string[], states: readonly string[]): void {
  for (const taskId of taskIds) checkTaskId(taskId);
  const count = taskIds.length + states.length;
  if (count <= MOST_FILTERS) return;
  throw invalidParameter(
    `task_id and state are given ${count} times, and ${MOST_FILTERS} is the limit: follow all tasks, or ` +
      'wait for many with /v1/batch/wait',
  );
}

/** Hands the connection over to the hub. A client that reconnects sends the header anew each time. */
function stream(
  hub: EventHub,
  { method, headers }: FastifyRequest,
  reply: FastifyReply,
  wanted: EventRequest,
): FastifyReply {
  hub.requireRoom(wanted.filter);
  const header = headers['last-event-id'];
  reply.hijack();
  reply.raw.writeHead(200, HEADERS);
  if (method === 'HEAD') {
    reply.raw.end();
    return reply;
  }
  const lastEventId = header === undefined || header === '' ? wanted.lastEventId : String(header);
  park(reply.raw);
  hub.open(reply.raw, { ...wanted, lastEventId });
  return reply;
}
