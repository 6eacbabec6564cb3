/**
 * Reads a task for a GET or HEAD: at once, or when it is what the client waits for (`?wait=`,
 * `Prefer: wait=n`, `If-None-Match`).
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidParameter } from '../errors.js';
import type { Parts } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { WaitResult } from '../result-backend/task-waits.js';
import type { ResultBackend } from '../result-backend.js';
import { parseDuration } from '../units.js';
import type { WaitHub } from '../wait-hub.js';
import { parseIfNoneMatch } from './entity-tags.js';
import { parsePrefer } from './preferences.js';
import { absence, setTaskHeaders } from './task-answer.js';

export interface TaskRead {
  readonly snapshot: TaskSnapshot;
  /** The task is as the client knows it: 304. */
  readonly isUnchanged: boolean;
  /** The client has waited as long as it wanted to: it may ask again at once. */
  readonly hasWaited: boolean;
}

interface ReadRequest {
  Params: { task_id: string };
  Querystring: { wait?: string };
}

export class TaskReader {
  readonly #backend: ResultBackend;
  readonly #hub: WaitHub;

  constructor(backend: ResultBackend, hub: WaitHub) {
    this.#backend = backend;
    this.#hub = hub;
  }

  /** Sets the headers of the answer too. Rejects with `task-unknown` or `task-removed`. */
  read(request: FastifyRequest<ReadRequest>, reply: FastifyReply, parts: Parts): Promise<TaskRead> {
    const known = parseIfNoneMatch(request.headers['if-none-match']);
    reply.header('vary', 'Prefer');
    const waitMs = this.#waitMs(request, reply);
    if (waitMs === 0) return this.#readNow(request.params.task_id, reply, parts, known);
    if (known === '*') {
      throw invalidParameter(
        'If-None-Match is *, which cannot be waited for: give the ETag that you know, or leave it out',
      );
    }
    // Field by field, and with no promise more than is needed: ten thousand of these may be parked.
    const wait = this.#hub.wait({
      taskId: request.params.task_id,
      parts,
      timeoutMs: waitMs,
      knownVersions: known,
      caller: request.ip,
    });
    reply.raw.on('close', wait.cancel);
    return wait.result.then((result) => answerOf(result, request.params.task_id, reply, known));
  }

  async #readNow(
    taskId: string,
    reply: FastifyReply,
    parts: Parts,
    known: '*' | readonly string[] | undefined,
  ): Promise<TaskRead> {
    const snapshot = await this.#backend.get(taskId, parts);
    if (snapshot === undefined) throw absence(taskId, false);
    setTaskHeaders(reply, snapshot);
    return { snapshot, isUnchanged: isKnown(known, snapshot), hasWaited: false };
  }

  /** How long to wait, 0 for not at all. The query wins over the header (RFC 7240 §4.3). */
  #waitMs(request: FastifyRequest<ReadRequest>, reply: FastifyReply): number {
    const { wait } = request.query;
    if (wait !== undefined) return Math.min(parseDuration(wait)!, this.#hub.maxWaitMs);
    const { waitMs } = parsePrefer(request.headers.prefer);
    if (waitMs === undefined) return 0;
    const effective = Math.min(waitMs, this.#hub.maxWaitMs);
    reply.header('preference-applied', `wait=${Math.floor(effective / 1_000)}`);
    return effective;
  }
}

function answerOf(
  { reason, snapshot }: WaitResult,
  taskId: string,
  reply: FastifyReply,
  known: readonly string[] | undefined,
): TaskRead {
  const isDraining = reason === 'draining';
  if (isDraining) reply.header('connection', 'close');
  if (snapshot === undefined) throw absence(taskId, reason === 'removed');
  setTaskHeaders(reply, snapshot);
  return { snapshot, isUnchanged: isKnown(known, snapshot), hasWaited: !isDraining };
}

function isKnown(known: '*' | readonly string[] | undefined, snapshot: TaskSnapshot): boolean {
  return known !== undefined && (known === '*' || known.includes(snapshot.version));
}
