/**
 * The least that a route on each store can do: send what is in memory, or make one call to the
 * store's client, and answer in as many bytes and with the same headers as we do.
 */
import { connect, headers } from '@nats-io/transport-node';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Redis } from 'ioredis';
import { open } from 'lmdb';
import { Pool } from 'pg';
import { OUTCOME, READY_TASKS, readyTaskId, resultPath, VERSION, viewOf } from './sample.js';

interface TaskRoute {
  Params: { task_id: string };
}

const URL = '/v1/tasks/:task_id/result';
const DAY_MS = 86_400_000;

/** GET from a Map; POST parses the body, and stores nothing. */
export function memoryRoutes(http: FastifyInstance): void {
  const outcomes = new Map<string, Buffer>();
  for (let at = 0; at < READY_TASKS; at += 1) outcomes.set(readyTaskId(at), Buffer.from(OUTCOME));
  http.get<TaskRoute>(URL, (request, reply) => {
    sendOutcome(reply, outcomes.get(request.params.task_id)!);
  });
  http.post<TaskRoute>(URL, (request, reply) => {
    JSON.parse((request.body as Buffer).toString());
    sendView(reply, request.params.task_id);
  });
}

/** POST awaits one put, acknowledged after its sync. */
export function lmdbRoutes(http: FastifyInstance, directory: string): void {
  const store = open<Buffer, string>({
    path: directory,
    noSubdir: false,
    encoding: 'binary',
    overlappingSync: false,
  });
  http.post<TaskRoute>(URL, async (request, reply) => {
    await store.put(request.params.task_id, request.body as Buffer);
    return sendView(reply, request.params.task_id);
  });
}

/** GET is one pipelined `GET`, POST one `SET` with an expiry. */
export async function redisRoutes(http: FastifyInstance, url: string): Promise<void> {
  const redis = new Redis(url, { enableAutoPipelining: true });
  for (let at = 0; at < READY_TASKS; at += 1) {
    await redis.set(readyTaskId(at), OUTCOME, 'PX', DAY_MS);
  }
  http.get<TaskRoute>(URL, async (request, reply) =>
    sendOutcome(reply, (await redis.getBuffer(request.params.task_id))!),
  );
  http.post<TaskRoute>(URL, async (request, reply) => {
    await redis.set(request.params.task_id, request.body as Buffer, 'PX', DAY_MS);
    return sendView(reply, request.params.task_id);
  });
}

/** GET is one request for a direct get, POST one publish that expires. */
export async function natsRoutes(http: FastifyInstance, url: string): Promise<void> {
  const nats = await connect({ servers: url.slice('nats://'.length), noAsyncTraces: true });
  const config = {
    ...{ name: 'bare', subjects: ['bare.*'], storage: 'file', num_replicas: 1 },
    ...{ retention: 'limits', max_msgs_per_subject: 1, allow_direct: true },
  };
  // Below 2.11 it is not known, and left out.
  const settings = { ...config, allow_msg_ttl: true };
  await nats.request('$JS.API.STREAM.CREATE.bare', JSON.stringify(settings));
  for (let at = 0; at < READY_TASKS; at += 1) {
    await nats.request(`bare.${readyTaskId(at)}`, OUTCOME);
  }
  http.get<TaskRoute>(URL, async (request, reply) => {
    const subject = `$JS.API.DIRECT.GET.bare.bare.${request.params.task_id}`;
    return sendOutcome(reply, Buffer.from((await nats.request(subject)).data));
  });
  http.post<TaskRoute>(URL, async (request, reply) => {
    const expiry = headers();
    expiry.set('Nats-TTL', String(DAY_MS / 1_000));
    const subject = `bare.${request.params.task_id}`;
    const answer = await nats.request(subject, request.body as Buffer, {
      timeout: 2_000,
      headers: expiry,
    });
    JSON.parse(answer.string());
    return sendView(reply, request.params.task_id);
  });
}

/** GET is one `select`, POST one `insert`, each prepared, over a pool of 8. */
export async function postgresRoutes(http: FastifyInstance, url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 8 });
  await pool.query('create table bare (id text primary key, outcome bytea, expires_at float8)');
  const select = { name: 'get', text: 'select outcome from bare where id = $1' };
  const insert = { name: 'post', text: 'insert into bare values ($1, $2, $3)' };
  const ids = Array.from({ length: READY_TASKS }, (_, at) => readyTaskId(at));
  await pool.query('insert into bare select id, $2, $3 from unnest($1::text[]) id', [
    ids,
    Buffer.from(OUTCOME),
    Date.now() + DAY_MS,
  ]);
  http.get<TaskRoute>(URL, async (request, reply) => {
    const { rows } = await pool.query({ ...select, values: [request.params.task_id] });
    return sendOutcome(reply, rows[0].outcome);
  });
  http.post<TaskRoute>(URL, async (request, reply) => {
    const values = [request.params.task_id, request.body, Date.now() + DAY_MS];
    await pool.query({ ...insert, values });
    return sendView(reply, request.params.task_id);
  });
}

/** Our answer to a GET of a ready outcome. */
export function sendOutcome(reply: FastifyReply, outcome: Buffer): FastifyReply {
  return reply
    .header('vary', 'Prefer')
    .header('etag', `"${VERSION}"`)
    .header('task-state', 'SUCCESS')
    .header('cache-control', 'no-store')
    .header('content-type', 'application/json')
    .send(outcome);
}

/** Our answer to a POST of a new outcome. */
export function sendView(reply: FastifyReply, taskId: string): FastifyReply {
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .header('task-version', VERSION)
    .header('task-state', 'SUCCESS')
    .header('location', resultPath(taskId))
    .header('content-type', 'application/json')
    .send(Buffer.from(viewOf(taskId)));
}
