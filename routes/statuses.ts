/** Progress and status: `GET`, `POST`, `PUT …/status`. */

import type { FastifyInstance } from 'fastify';
import * as answers from '../schemas/answers.js';
import {
  EXAMPLE_IDS,
  ReadHeadersSchema,
  type TaskParams,
  type TtlQuery,
  TtlQuerySchema,
  taskParams,
  type WaitQuery,
  WaitQuerySchema,
  WriteHeadersSchema,
} from '../schemas/parameters.js';
import { sendJson } from '../src/http/json-answer.js';
import { requireJson } from '../src/http/media-type.js';
import { readRoute } from '../src/http/read-route.js';
import { bodyOf } from '../src/http/request-body.js';
import { parseConditions, parsePrefer } from '../src/http/request-headers.js';
import { sendReceipt } from '../src/http/task-answer.js';
import type { TaskReader } from '../src/http/task-reader.js';
import { ttlOfQuery } from '../src/http/time-to-live.js';
import { HEAD_ONLY, progressState } from '../src/record/entry.js';
import { progressFromJson } from '../src/record/progress.js';
import type { ResultBackend } from '../src/result-backend.js';

const URL = '/v1/tasks/:task_id/status';

/** Registers the routes. They know the contract and the wait hub only. */
export function statusRoutes(
  app: FastifyInstance,
  backend: ResultBackend,
  reader: TaskReader,
): void {
  // The writes first: so they stand on the page, where one tries them from top to bottom.
  for (const method of ['POST', 'PUT'] as const) writeRoute(app, backend, method);
  readRoute<{ Params: TaskParams; Querystring: WaitQuery }>(app, URL, {
    schema: {
      operationId: 'getStatus',
      summary: 'Read the status of a task, or wait for a change of it',
      description: 'All that is known of the task but its outcome: state, progress, times, size.',
      tags: ['status'],
      params: taskParams(EXAMPLE_IDS.started),
      querystring: WaitQuerySchema,
      headers: ReadHeadersSchema,
      response: {
        200: answers.json('The status view', 'StatusView', 'read'),
        304: answers.empty('As the client knows it', 'read'),
        ...answers.problems(answers.READ_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const { snapshot, isUnchanged } = await reader.read(request, reply, HEAD_ONLY);
      if (isUnchanged) return reply.code(304).send();
      return sendJson(reply, snapshot.toStatusView());
    },
  });
}

function writeRoute(app: FastifyInstance, backend: ResultBackend, method: 'POST' | 'PUT'): void {
  const isPost = method === 'POST';
  app.route<{ Params: TaskParams; Querystring: TtlQuery }>({
    method,
    url: URL,
    schema: {
      operationId: isPost ? 'reportStatus' : 'setStatus',
      summary: isPost ? 'Report progress, or register a task with PENDING' : 'Set the progress',
      description: isPost
        ? 'With PENDING it registers: where the task has any record already, nothing is changed.'
        : 'Replaces the progress. It never makes a task ready, nor unready.',
      tags: ['status'],
      params: taskParams(EXAMPLE_IDS.started),
      querystring: TtlQuerySchema,
      headers: WriteHeadersSchema,
      body: answers.body('The progress', 'ProgressReport'),
      response: {
        200: answers.json('Replaced, or registered already', 'StatusView', 'written'),
        201: answers.json('Stored', 'StatusView', 'created'),
        ...answers.problems(answers.WRITE_PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      requireJson(request.headers);
      const progress = progressFromJson(bodyOf(request.body));
      const registers = isPost && progressState(progress) === 'PENDING';
      const taskId = request.params.task_id;
      const receipt = await backend.setProgress(taskId, progress, {
        mode: registers ? 'register' : 'replace',
        ttlMs: ttlOfQuery(request.query.ttl),
        conditions: parseConditions(request.headers),
      });
      const { isMinimal } = parsePrefer(request.headers.prefer);
      return sendReceipt(reply, receipt, taskId, { record: 'status', isMinimal });
    },
  });
}
