/** Answers that are JSON text already. */
import type { FastifyReply } from 'fastify';
import { JSON_TYPE } from '../outcome.js';

const asItIs = (payload: unknown): string => payload as string;

/**
 * Sends JSON as it is. A string goes out in one write with its headers, which bytes do not; the
 * serializer keeps the framework from adding a charset, which JSON does not have.
 */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  reply.header('content-type', JSON_TYPE);
  if (typeof json === 'string') reply.serializer(asItIs);
  return reply.send(json);
}
