/** How a task is answered: the headers that every answer about a task has, and its bodies. */

import type { FastifyReply } from 'fastify';
import { notReady } from '../errors.js';
import { JSON_TYPE } from '../record/outcome.js';
import { type TaskSnapshot, unknownStatusView } from '../record/snapshot.js';
import type { WriteReceipt } from '../result-backend.js';
import { sendJson } from './json-answer.js';
import type { Preferences } from './request-headers.js';

/** `Task-State` for a task that has no record. */
export const UNKNOWN_STATE = 'UNKNOWN';

/** A state as a header can hold it: UTF-8, percent-encoded outside `!`…`~` and for `%`. */
export function encodeState(state: string): string {
  if (/^[!-$&-~]*$/.test(state)) return state;
  return state.replace(/[^!-$&-~]/gu, (character) => {
    const hex = Buffer.from(character).toString('hex').toUpperCase();
    return hex.replace(/../g, '%$&');
  });
}

/** The headers of a read that found the task. */
export function setTaskHeaders(reply: FastifyReply, snapshot: TaskSnapshot): FastifyReply {
  return reply
    .header('etag', `"${snapshot.version}"`)
    .header('task-state', encodeState(snapshot.state))
    .header('cache-control', 'no-store');
}

/** The outcome itself, JSON or opaque. */
export function sendOutcome(reply: FastifyReply, snapshot: TaskSnapshot): FastifyReply {
  const { outcome } = snapshot;
  reply.server.largeAnswers.hold(reply, outcome?.length ?? 0);
  setOutcomeType(reply, snapshot);
  return reply.send(outcome);
}

/**
 * The outcome's type. Opaque bytes come from who knows where: nothing may run or render them as
 * this origin's own.
 */
export function setOutcomeType(reply: FastifyReply, snapshot: TaskSnapshot): void {
  reply.header('content-type', snapshot.contentType ?? JSON_TYPE);
  if (!snapshot.isOpaque) return;
  reply
    .header('x-content-type-options', 'nosniff')
    .header('content-disposition', 'attachment')
    .header('content-security-policy', 'sandbox');
}

/** 202 for a task that is known but not ready; with `asError`, 409 in its place. */
export function sendNotReady(
  reply: FastifyReply,
  snapshot: TaskSnapshot,
  { asError, hasWaited }: { asError: boolean; hasWaited: boolean },
): FastifyReply {
  if (asError) throw notReady(snapshot.taskId, snapshot.state);
  reply
    .code(202)
    .header('location', `/v1/tasks/${snapshot.taskId}/status`)
    .header('retry-after', hasWaited ? 0 : 1);
  return sendJson(reply, snapshot.toStatusView());
}

/** The answer to a write: the status view, or nothing where the client prefers so. */
export function sendReceipt(
  reply: FastifyReply,
  receipt: WriteReceipt,
  taskId: string,
  { record, isMinimal }: { record: 'result' | 'status'; isMinimal: Preferences['isMinimal'] },
): FastifyReply {
  const { verdict, snapshot } = receipt;
  reply.header('cache-control', 'no-store');
  if (snapshot === undefined) {
    reply.header('task-state', UNKNOWN_STATE);
  } else {
    reply
      .header('task-version', snapshot.version)
      .header('task-state', encodeState(snapshot.state));
  }
  // A PUT that changed nothing and one that replaced are both 200.
  if (verdict === 'unchanged') reply.header('task-unchanged', 'true');
  if (verdict === 'created') reply.code(201).header('location', `/v1/tasks/${taskId}/${record}`);
  if (isMinimal) return reply.header('preference-applied', 'return=minimal').send();
  return sendJson(reply, snapshot?.toStatusView() ?? unknownStatusView(taskId));
}
