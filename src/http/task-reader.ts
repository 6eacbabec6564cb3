/**
 * Reads a task for a GET or HEAD: at once, or when it is what the client waits for (`?wait=`,
 * `Prefer: wait=n`, `If-None-Match`), and only at the version that it may want (`If-Match`).
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidParameter, taskRemoved, taskUnknown, versionMismatch } from '../errors.js';
import type { Parts } from '../record/entry.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { Conditions } from '../result-backend/commands.js';
import type { WaitResult } from '../result-backend/task-waits.js';
import type { ResultBackend } from '../result-backend.js';
import { parseDuration } from '../units.js';
import type { WaitHub } from '../wait-hub.js';
import { park, unpark } from './parked-requests.js';
import { parseConditions, parsePrefer } from './request-headers.js';
import { setTaskHeaders } from './task-answer.js';

export interface TaskRead {
  readonly snapshot: TaskSnapshot;
  /** The task is as the client knows it: 304. */
  readonly isUnchanged: boolean;
  /** The client has waited as long as it wanted to: it may ask again at once. */
  readonly hasWaited: boolean;
}

interface ReadConditions extends Conditions {
  readonly record: 'outcome' | 'task';
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

  /**
   * Sets the headers of the answer too. Rejects with `task-unknown`, `task-removed` or
   * `version-mismatch`. `record` is what `If-Match: *` asks for.
   */
  read(
    request: FastifyRequest<ReadRequest>,
    reply: FastifyReply,
    parts: Parts,
    record: 'outcome' | 'task' = 'task',
  ): Promise<TaskRead> {
    const conditions = { ...parseConditions(request.headers), record };
    reply.header('vary', 'Prefer');
    const waitMs = this.#waitMs(request, reply);
    const taskId = request.params.task_id;
    if (waitMs === 0) return this.#readNow(taskId, reply, parts, conditions);
    const known = conditions.ifNoneMatch;
    if (known === '*') {
      throw invalidParameter(
        'If-None-Match is *, which cannot be waited for: give the ETag that you know, or leave it out',
      );
    }
    // Field by field, and with no promise more than is needed: ten thousand of these may be parked.
    const wait = this.#hub.wait({
      taskId,
      parts,
      timeoutMs: waitMs,
      knownVersions: known,
      caller: request.ip,
    });
    reply.raw.on('close', wait.cancel);
    park(reply.raw);
    return wait.result.then((result) => {
      unpark(reply.raw);
      return answerOf(result, taskId, reply, conditions);
    });
  }

  async #readNow(
    taskId: string,
    reply: FastifyReply,
    parts: Parts,
    conditions: ReadConditions,
  ): Promise<TaskRead> {
    const snapshot = await this.#backend.get(taskId, parts);
    return found(snapshot, taskId, reply, { conditions, hasWaited: false });
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
  conditions: ReadConditions,
): TaskRead {
  const isDraining = reason === 'draining';
  if (isDraining) reply.header('connection', 'close');
  if (reason === 'removed') throw taskRemoved(taskId);
  return found(snapshot, taskId, reply, { conditions, hasWaited: !isDraining });
}

function found(
  snapshot: TaskSnapshot | undefined,
  taskId: string,
  reply: FastifyReply,
  { conditions, hasWaited }: { conditions: ReadConditions; hasWaited: boolean },
): TaskRead {
  const { ifMatch, ifNoneMatch, record } = conditions;
  if (ifMatch !== undefined && !matches(ifMatch, snapshot, record)) {
    throw versionMismatch(taskId, snapshot?.version, snapshot?.state);
  }
  if (snapshot === undefined) throw taskUnknown(taskId);
  setTaskHeaders(reply, snapshot);
  const isUnchanged = ifNoneMatch !== undefined && matches(ifNoneMatch, snapshot, 'task');
  return { snapshot, isUnchanged, hasWaited };
}

function matches(
  tags: '*' | readonly string[],
  snapshot: TaskSnapshot | undefined,
  record: ReadConditions['record'],
): boolean {
  if (snapshot === undefined) return false;
  if (tags === '*') return record === 'task' || snapshot.ready;
  return tags.includes(snapshot.version);
}
