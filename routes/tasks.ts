/** A task as a whole: `GET`, `DELETE /v1/tasks/{task_id}` and `PUT …/expiry`. */

import type { FastifyInstance } from 'fastify';
import * as answers from '../schemas/answers.js';
import {
  ConditionHeadersSchema,
  EXAMPLE_IDS,
  ReadHeadersSchema,
  type TaskParams,
  type TaskQuery,
  TaskQuerySchema,
  taskParams,
  WriteHeadersSchema,
} from '../schemas/parameters.js';
import { taskUnknown } from '../src/errors.js';
import { sendJson } from '../src/http/json-answer.js';
import { requireJson } from '../src/http/media-type.js';
import { readRoute } from '../src/http/read-route.js';
import { bodyOf } from '../src/http/request-body.js';
import { parseConditions, parsePrefer } from '../src/http/request-headers.js';
import { sendReceipt, UNKNOWN_STATE } from '../src/http/task-answer.js';
import type { TaskReader } from '../src/http/task-reader.js';
import { ttlFromJson } from '../src/http/time-to-live.js';
import { viewWithOutcome } from '../src/record/embedded-outcome.js';
import { WITH_BODY, WITH_LOG } from '../src/record/entry.js';
import type { ResultBackend } from '../src/result-backend.js';

const URL = '/v1/tasks/:task_id';

/** Registers the routes. They know the contract and the wait hub only. */
export function taskRoutes(app: FastifyInstance, backend: ResultBackend, reader: TaskReader): void {
  readRoute<{ Params: TaskParams; Querystring: TaskQuery }>(app, URL, {
    schema: {
      operationId: 'getTask',
      summary: 'Read the status of a task with its outcome embedded, or wait for it',
      description: 'The status view, with the outcome as a member where there is one.',
      tags: ['task'],
      params: taskParams(EXAMPLE_IDS.failed),
      querystring: TaskQuerySchema,
      headers: ReadHeadersSchema,
      response: {
        200: answers.json(
          'The status view, with the outcome where there is one',
          'TaskView',
          'read',
        ),
        304: answers.empty('As the client knows it', 'read'),
        ...answers.problems(answers.READ_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const parts = request.query.with_logs === 'true' ? WITH_LOG : WITH_BODY;
      const { snapshot, isUnchanged } = await reader.read(request, reply, parts);
      if (isUnchanged) return reply.code(304).send();
      return sendJson(reply, viewWithOutcome(snapshot));
    },
  });
  app.delete<{ Params: TaskParams }>(URL, {
    schema: {
      operationId: 'deleteTask',
      summary: 'Remove a task: its outcome, log and progress',
      description: 'Who waits for the task is answered at once: it was removed.',
      tags: ['task'],
      params: taskParams(EXAMPLE_IDS.failed),
      headers: ConditionHeadersSchema,
      response: {
        204: answers.empty('Removed', 'removed'),
        ...answers.problems(answers.CHANGE_PROBLEMS, { 404: ['task-unknown'] }),
      },
    },
    handler: async (request, reply) => {
      const taskId = request.params.task_id;
      const wasThere = await backend.delete(taskId, parseConditions(request.headers));
      if (!wasThere) throw taskUnknown(taskId);
      return reply
        .code(204)
        .header('task-state', UNKNOWN_STATE)
        .header('cache-control', 'no-store')
        .send();
    },
  });
  expiryRoute(app, backend);
}

function expiryRoute(app: FastifyInstance, backend: ResultBackend): void {
  app.put<{ Params: TaskParams }>(`${URL}/expiry`, {
    schema: {
      operationId: 'setExpiry',
      summary: 'Give every record of a task a new expiry',
      description: 'Every live record of the task now expires that long from now.',
      tags: ['task'],
      params: taskParams(EXAMPLE_IDS.started),
      headers: WriteHeadersSchema,
      body: answers.body('The time to live', 'Expiry'),
      response: {
        200: answers.json('The task as it is now', 'StatusView', 'written'),
        ...answers.problems(answers.WRITE_PROBLEMS, { 404: ['task-unknown'] }),
      },
    },
    handler: async (request, reply) => {
      requireJson(request.headers);
      const ttlMs = ttlFromJson(bodyOf(request.body));
      const taskId = request.params.task_id;
      const receipt = await backend.expire(taskId, ttlMs, parseConditions(request.headers));
      if (receipt === undefined) throw taskUnknown(taskId);
      const { isMinimal } = parsePrefer(request.headers.prefer);
      return sendReceipt(reply, receipt, taskId, { record: 'status', isMinimal });
    },
  });
}
