/** Many tasks in one request: `POST /v1/batch/get`, `…/wait`, `…/set` and `…/delete`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as answers from '../schemas/answers.js';
import type { ResultdError } from '../src/errors.js';
import { setArray } from '../src/http/batch/array-set.js';
import { parseDeleteBody, parseGetBody, parseWaitBody } from '../src/http/batch/batch-bodies.js';
import { deleteMany } from '../src/http/batch/delete-many.js';
import { readEntries } from '../src/http/batch/entries.js';
import { ItemWriter } from '../src/http/batch/item-writer.js';
import { NdjsonSet } from '../src/http/batch/ndjson-set.js';
import { waitedAnswer } from '../src/http/batch/waited-answer.js';
import { sendJson } from '../src/http/json-answer.js';
import { NDJSON_TYPE, outcomeType, requireJson, requireNdjson } from '../src/http/media-type.js';
import { park, unpark } from '../src/http/parked-requests.js';
import { sendPieces } from '../src/http/piecewise-answer.js';
import { toResultdError } from '../src/http/problem.js';
import { allowLongUpload } from '../src/http/protocol.js';
import { bodyOf } from '../src/http/request-body.js';
import type { ResultBackend } from '../src/result-backend.js';
import type { WaitHub } from '../src/wait-hub.js';

interface BatchLimits {
  /** The largest body, and the longest line. */
  readonly bodyLimit: number;
  /** How long the answers of a `batch/set` may not be read. */
  readonly stallMs: number;
  /** How long a client of a `batch/set` may send nothing. */
  readonly idleMs: number;
}

const ITEMS = { before: '{"items":[', after: ']}' };

/** Registers the routes. They know the contract and the wait hub only. */
export function batchRoutes(
  app: FastifyInstance,
  { backend, hub, limits }: { backend: ResultBackend; hub: WaitHub; limits: BatchLimits },
): void {
  // In a scope of its own: elsewhere, lines are an opaque outcome like any other.
  void app.register(async (scope) => {
    scope.addContentTypeParser(NDJSON_TYPE, (_request, payload, done) => done(null, payload));
    setRoute(scope, backend, limits);
    // In the order in which one would try them.
    getRoute(app, backend);
    waitRoute(app, backend, hub);
    deleteRoute(app, backend, limits);
  });
}

function getRoute(app: FastifyInstance, backend: ResultBackend): void {
  app.post('/v1/batch/get', {
    schema: {
      operationId: 'batchGet',
      summary: 'Read many tasks',
      description: 'Outcomes stop at 64 MiB an answer; later entries say outcome_omitted.',
      tags: ['many'],
      body: answers.body('The tasks', 'BatchGet'),
      response: {
        200: answers.json('An entry for each id, in order', 'BatchEntries', 'none'),
        ...answers.problems(answers.BATCH_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      requireJson(request.headers);
      const { taskIds, ...options } = parseGetBody(bodyOf(request.body));
      reply.header('cache-control', 'no-store');
      return sendPieces(reply, readEntries(backend, taskIds, options, ITEMS));
    },
  });
}

function waitRoute(app: FastifyInstance, backend: ResultBackend, hub: WaitHub): void {
  app.post('/v1/batch/wait', {
    schema: {
      operationId: 'batchWait',
      summary: 'Wait until all, any or some of many tasks are ready',
      description:
        'Answers as soon as enough of them are ready, else when the time is up. A task that is ' +
        'removed meanwhile is pending again: its outcome may be reported anew.',
      tags: ['many'],
      body: answers.body('The tasks, and how many of them', 'BatchWait'),
      response: {
        200: answers.json('Who is ready, and who is not', 'BatchWaited', 'none'),
        ...answers.problems(answers.BATCH_WAIT_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      requireJson(request.headers);
      const body = parseWaitBody(bodyOf(request.body));
      const { taskIds, target, waitMs: timeoutMs } = body;
      const wait = hub.waitMany({ taskIds, target, timeoutMs, caller: request.ip });
      reply.raw.once('close', wait.cancel);
      park(reply.raw);
      const result = await wait.result;
      unpark(reply.raw);
      if (result.isDraining) reply.header('connection', 'close');
      reply.header('cache-control', 'no-store');
      return sendPieces(reply, waitedAnswer(backend, body, result));
    },
  });
}

function deleteRoute(app: FastifyInstance, backend: ResultBackend, limits: BatchLimits): void {
  app.post('/v1/batch/delete', {
    schema: {
      operationId: 'batchDelete',
      summary: 'Remove many tasks',
      description: 'Of an id that is there twice, the first one removes the task.',
      tags: ['many'],
      body: answers.body('The tasks', 'BatchDelete'),
      response: {
        200: answers.json('An answer for each id, in order', 'BatchDeleted', 'none'),
        ...answers.problems(answers.BATCH_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      requireJson(request.headers);
      const ids = parseDeleteBody(bodyOf(request.body));
      const toError = errorMaker(request, limits);
      const json = await deleteMany(backend, ids, { toError, hasGone: goneOf(reply) });
      return sendJson(reply.header('cache-control', 'no-store'), json);
    },
  });
}

function setRoute(app: FastifyInstance, backend: ResultBackend, limits: BatchLimits): void {
  app.post('/v1/batch/set', {
    schema: {
      operationId: 'batchSet',
      summary: 'Write many tasks',
      description:
        'Items are written at the same time, those of one task in order; each fails alone, but where ' +
        'the store could be asked for none of a list: that is 503. Lines ' +
        '(application/x-ndjson) may be any number, and are answered as they are written: read the ' +
        'answers while you send, or send at most 10,000 lines.',
      tags: ['many'],
      body: answers.itemsOrLines('The items, or one in each line', 'BatchSet', 'BatchItem'),
      response: {
        200: answers.itemsOrLines(
          'An answer for each item, in order',
          'BatchAnswers',
          'BatchAnswer',
        ),
        ...answers.problems(answers.BATCH_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const toError = errorMaker(request, limits);
      const writer = new ItemWriter(backend, toError);
      if (outcomeType(request.headers) === undefined) {
        const json = await setArray(bodyOf(request.body), writer, goneOf(reply));
        return sendJson(reply.header('cache-control', 'no-store'), json);
      }
      requireNdjson(request.headers);
      allowLongUpload(request.raw, reply.raw);
      reply.hijack();
      await new NdjsonSet(request.raw, reply.raw, { writer, limits, toError }).run();
      return reply;
    },
  });
}

/** Makes a problem of what fails alone, and logs it where it is a defect. */
function errorMaker(
  request: FastifyRequest,
  { bodyLimit }: BatchLimits,
): (thrown: unknown) => ResultdError {
  return (thrown) => {
    const error = toResultdError(thrown as Error, request, bodyLimit);
    request.server.storeFailures.note(error);
    if (error.code === 'internal') request.log.error({ err: thrown, url: request.url }, 'failed');
    return error;
  };
}

/** Whether the client has gone before it was answered. */
function goneOf({ raw }: FastifyReply): () => boolean {
  return () => raw.destroyed && !raw.writableFinished;
}
