/** Reporting an outcome: `POST`, `PUT` of `…/result` and `…/exception`. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as answers from '../schemas/answers.js';
import {
  EXAMPLE_IDS,
  type OutcomeQuery,
  OutcomeQuerySchema,
  type TaskParams,
  type TtlQuery,
  TtlQuerySchema,
  taskParams,
  WriteHeadersSchema,
} from '../schemas/parameters.js';
import { invalidParameter } from '../src/errors.js';
import { outcomeType, requireJson } from '../src/http/media-type.js';
import { bodyOf } from '../src/http/request-body.js';
import { parseConditions, parsePrefer } from '../src/http/request-headers.js';
import { sendReceipt } from '../src/http/task-answer.js';
import { ttlOfQuery } from '../src/http/time-to-live.js';
import {
  type Outcome,
  opaqueOutcome,
  outcomeFromException,
  outcomeFromJson,
} from '../src/record/outcome.js';
import type { ResultBackend } from '../src/result-backend.js';

type Mode = 'create' | 'replace';
type ResultRequest = FastifyRequest<{ Params: TaskParams; Querystring: OutcomeQuery }>;
type ExceptionRequest = FastifyRequest<{ Params: TaskParams; Querystring: TtlQuery }>;

const METHODS = [
  { method: 'POST', mode: 'create', does: 'Report', verb: 'report', rule: 'the first one wins' },
  { method: 'PUT', mode: 'replace', does: 'Set', verb: 'set', rule: 'replacing any' },
] as const;

/** Registers the routes. They know the contract only. */
export function outcomeRoutes(app: FastifyInstance, backend: ResultBackend): void {
  for (const { method, mode, does, verb, rule } of METHODS) {
    app.route<{ Params: TaskParams; Querystring: OutcomeQuery }>({
      method,
      url: '/v1/tasks/:task_id/result',
      schema: {
        operationId: `${verb}Result`,
        summary: `${does} the outcome of a task; ${rule}`,
        description:
          'application/json is an outcome. Any other type but a form is kept as opaque bytes.',
        tags: ['outcome'],
        params: taskParams(EXAMPLE_IDS.succeeded),
        querystring: OutcomeQuerySchema,
        headers: WriteHeadersSchema,
        body: answers.outcomeReport('The outcome'),
        response: writeAnswers(mode),
      },
      handler: (request, reply) => store(backend, mode, request, reply, readOutcome(request)),
    });
    app.route<{ Params: TaskParams; Querystring: TtlQuery }>({
      method,
      url: '/v1/tasks/:task_id/exception',
      schema: {
        operationId: `${verb}Exception`,
        summary: `${does} the failure of a task; ${rule}`,
        description:
          'The body is the exception; execution_time, labels and log are lifted out of it into the outcome.',
        tags: ['outcome'],
        params: taskParams(EXAMPLE_IDS.failed),
        querystring: TtlQuerySchema,
        headers: WriteHeadersSchema,
        body: answers.body('The failure', 'FlatFailureReport'),
        response: writeAnswers(mode),
      },
      handler: (request, reply) => store(backend, mode, request, reply, readException(request)),
    });
  }
}

async function store(
  backend: ResultBackend,
  mode: Mode,
  request: ResultRequest | ExceptionRequest,
  reply: FastifyReply,
  outcome: Outcome,
): Promise<FastifyReply> {
  const taskId = request.params.task_id;
  const receipt = await backend.setResult(taskId, outcome, {
    mode,
    ttlMs: ttlOfQuery(request.query.ttl),
    conditions: parseConditions(request.headers),
  });
  const { isMinimal } = parsePrefer(request.headers.prefer);
  return sendReceipt(reply, receipt, taskId, { record: 'result', isMinimal });
}

function readOutcome({ headers, body, query }: ResultRequest): Outcome {
  const contentType = outcomeType(headers);
  const { is_err: isErr, execution_time: executionTime } = query;
  if (contentType !== undefined) {
    return opaqueOutcome(bodyOf(body), contentType, {
      isErr: isErr === 'true',
      ...(executionTime === undefined ? {} : { executionTime }),
    });
  }
  const stray =
    isErr !== undefined ? 'is_err' : executionTime !== undefined ? 'execution_time' : '';
  if (stray !== '') {
    throw invalidParameter(
      `the parameter "${stray}" is for opaque outcomes: in JSON, say it in the body`,
    );
  }
  return outcomeFromJson(bodyOf(body));
}

function readException({ headers, body }: ExceptionRequest): Outcome {
  requireJson(headers);
  return outcomeFromException(bodyOf(body));
}

function writeAnswers(mode: Mode) {
  return {
    200: answers.json(
      mode === 'create' ? 'The same outcome again: a retry' : 'Replaced',
      'StatusView',
      'written',
    ),
    201: answers.json('Stored', 'StatusView', 'created'),
    ...answers.problems(
      answers.WRITE_PROBLEMS,
      mode === 'create' ? { 409: ['outcome-conflict'] } : {},
    ),
  };
}
