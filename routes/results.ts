/** Reading and taking an outcome: `GET`, `HEAD …/result`, `GET …/exception`, `…/result/consume`. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as answers from '../schemas/answers.js';
import {
  ConsumeHeadersSchema,
  type ConsumeQuery,
  ConsumeQuerySchema,
  EXAMPLE_IDS,
  ReadHeadersSchema,
  type ResultQuery,
  ResultQuerySchema,
  type TaskParams,
  taskParams,
  type WaitQuery,
  WaitQuerySchema,
} from '../schemas/parameters.js';
import { taskUnknown } from '../src/errors.js';
import { sendJson } from '../src/http/json-answer.js';
import { readRoute } from '../src/http/read-route.js';
import { parseConditions, parseIdempotencyKey } from '../src/http/request-headers.js';
import { encodeState, sendNotReady, sendOutcome, setOutcomeType } from '../src/http/task-answer.js';
import type { TaskRead, TaskReader } from '../src/http/task-reader.js';
import { viewWithOutcome } from '../src/record/embedded-outcome.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../src/record/entry.js';
import type { ResultBackend } from '../src/result-backend.js';

type ResultRequest = FastifyRequest<{ Params: TaskParams; Querystring: ResultQuery }>;

/** Registers the routes. They know the contract and the wait hub only. */
export function resultRoutes(
  app: FastifyInstance,
  backend: ResultBackend,
  reader: TaskReader,
): void {
  const url = '/v1/tasks/:task_id/result';
  const readSchema = {
    tags: ['outcome'],
    params: taskParams(EXAMPLE_IDS.succeeded),
    querystring: ResultQuerySchema,
    headers: ReadHeadersSchema,
  };
  app.head<{ Params: TaskParams; Querystring: ResultQuery }>(url, {
    config: { swagger: { exposeHeadRoute: true } },
    schema: {
      ...readSchema,
      operationId: 'headResult',
      summary: 'Ask whether a task is ready, without moving its outcome',
      description: 'As GET, without the body: the status and Task-State say it all.',
      response: {
        200: answers.empty('Ready', 'read'),
        202: answers.empty('Known, but not ready', 'pending'),
        304: answers.empty('As the client knows it', 'read'),
        ...answers.problems(answers.READ_PROBLEMS, { 409: ['not-ready'] }),
      },
    },
    handler: (request, reply) => headResult(reader, request, reply),
  });
  app.get<{ Params: TaskParams; Querystring: ResultQuery }>(url, {
    exposeHeadRoute: false,
    schema: {
      ...readSchema,
      operationId: 'getResult',
      summary: 'Read the outcome of a task, or wait for it',
      description:
        'A success and a failure are both 200; 202 is a task that has no outcome yet. With wait, the ' +
        'answer comes as soon as there is one.',
      response: {
        200: answers.outcome('The outcome, a success or a failure alike', 'read'),
        ...READ_STATES,
        ...answers.problems(answers.READ_PROBLEMS, { 409: ['not-ready'] }),
      },
    },
    handler: (request, reply) => getResult(reader, request, reply),
  });
  readRoute<{ Params: TaskParams; Querystring: WaitQuery }>(app, '/v1/tasks/:task_id/exception', {
    schema: {
      operationId: 'getException',
      summary: 'Read the exception of a failed task, or wait for its end',
      description: 'The error of the outcome by itself; 204 where the task finished well.',
      tags: ['outcome'],
      params: taskParams(EXAMPLE_IDS.failed),
      querystring: WaitQuerySchema,
      headers: ReadHeadersSchema,
      response: {
        200: answers.exception('The exception; null where the failure came without one'),
        204: answers.empty('The task finished well', 'read'),
        ...READ_STATES,
        ...answers.problems(answers.READ_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const read = await reader.read(request, reply, WITH_BODY, 'outcome');
      const early = sendEarly(reply, read, false);
      if (early !== undefined) return early;
      if (!read.snapshot.hasException) return reply.code(204).send();
      return sendJson(reply, read.snapshot.exception!);
    },
  });
  consumeRoute(app, backend);
}

function consumeRoute(app: FastifyInstance, backend: ResultBackend): void {
  app.post<{ Params: TaskParams; Querystring: ConsumeQuery }>('/v1/tasks/:task_id/result/consume', {
    schema: {
      operationId: 'consumeResult',
      summary: 'Take the outcome and remove the task, for exactly one caller',
      description:
        'Send an Idempotency-Key with it: then a repeat whose answer was lost is given the same again.',
      tags: ['outcome'],
      params: taskParams(EXAMPLE_IDS.succeeded),
      querystring: ConsumeQuerySchema,
      headers: ConsumeHeadersSchema,
      response: {
        200: answers.consumed(
          'The outcome, which is no longer stored; with embed=true the TaskView of what it was',
        ),
        ...answers.problems(answers.CHANGE_PROBLEMS, {
          404: ['task-unknown'],
          409: ['not-ready'],
        }),
      },
    },
    handler: async (request, reply) => {
      const taskId = request.params.task_id;
      const snapshot = await backend.consume(taskId, {
        withLogs: request.query.with_logs === 'true',
        conditions: parseConditions(request.headers),
        idempotencyKey: parseIdempotencyKey(request.headers['idempotency-key']),
      });
      if (snapshot === undefined) throw taskUnknown(taskId);
      reply
        .header('cache-control', 'no-store')
        .header('task-state', encodeState(snapshot.state))
        .header('task-version', snapshot.version);
      if (request.query.embed === 'true') return sendJson(reply, viewWithOutcome(snapshot));
      return sendOutcome(reply, snapshot);
    },
  });
}

async function getResult(
  reader: TaskReader,
  request: ResultRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parts = request.query.with_logs === 'true' ? WITH_LOG : WITH_BODY;
  const read = await reader.read(request, reply, parts, 'outcome');
  const early = sendEarly(reply, read, request.query.pending === 'error');
  return early ?? sendOutcome(reply, read.snapshot);
}

async function headResult(
  reader: TaskReader,
  request: ResultRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const read = await reader.read(request, reply, HEAD_ONLY, 'outcome');
  const early = sendEarly(reply, read, request.query.pending === 'error');
  if (early !== undefined) return early;
  setOutcomeType(reply, read.snapshot);
  // With the log, the length is not known without moving it.
  if (request.query.with_logs !== 'true') reply.header('content-length', read.snapshot.size ?? 0);
  return reply.send();
}

/** 304, 202 or 409 where the answer is not the outcome. */
function sendEarly(
  reply: FastifyReply,
  { snapshot, isUnchanged, hasWaited }: TaskRead,
  asError: boolean,
): FastifyReply | undefined {
  if (isUnchanged) return reply.code(304).send();
  if (!snapshot.ready) return sendNotReady(reply, snapshot, { asError, hasWaited });
  return undefined;
}

const READ_STATES = {
  202: answers.json('Known, but not ready', 'StatusView', 'pending'),
  304: answers.empty('As the client knows it', 'read'),
};
