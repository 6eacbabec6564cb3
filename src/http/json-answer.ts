/** Answers that are JSON text already. */
import type { FastifyReply } from 'fastify';
import { JSON_TYPE } from '../outcome.js';

/** Sends JSON as bytes: to a string, the framework would add a charset, which JSON does not have. */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  return reply
    .header('content-type', JSON_TYPE)
    .send(typeof json === 'string' ? Buffer.from(json) : json);
}
