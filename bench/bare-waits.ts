/**
 * The least that waiting can be: a Map of the requests that are not answered yet. A POST answers
 * the GET of the same id with its body; one that nobody posts to costs what a silent request costs.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { sendOutcome, sendView } from './bare-stores.js';

interface TaskRoute {
  Params: { task_id: string };
}

const URL = '/v1/tasks/:task_id/result';

export function waitRoutes(http: FastifyInstance): void {
  const waiting = new Map<string, FastifyReply>();
  http.get<TaskRoute>(URL, (request, reply) => {
    waiting.set(request.params.task_id, reply);
  });
  http.post<TaskRoute>(URL, (request, reply) => {
    const { task_id: taskId } = request.params;
    const waiter = waiting.get(taskId);
    waiting.delete(taskId);
    if (waiter !== undefined) sendOutcome(waiter, request.body as Buffer);
    sendView(reply, taskId);
  });
}

/** Nothing is kept, not even the reply. */
export function unansweredRoutes(http: FastifyInstance): void {
  http.get<TaskRoute>(URL, () => {});
}
