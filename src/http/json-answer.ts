/** Answers that are JSON text already. */
import type { FastifyReply } from 'fastify';
import { JSON_TYPE } from '../record/outcome.js';

const asItIs = (payload: unknown): string => payload as string;

/**
 * Sends JSON as it is. A string goes out in one write with its headers, which bytes do not; the
 * serializer keeps the framework from adding a charset, which JSON does not have. Throws `overloaded`
 * where it is a large answer to a read, and there are too many; `isRead` where the method does not say.
 */
export function sendJson(
  reply: FastifyReply,
  json: string | Buffer,
  isRead?: boolean,
): FastifyReply {
  const isLarge = reply.server.largeAnswers.hold(reply, json.length, isRead);
  reply.header('content-type', JSON_TYPE);
  // Bytes are not in the heap while the client reads them.
  if (isLarge && typeof json === 'string') return reply.send(Buffer.from(json));
  if (typeof json === 'string') reply.serializer(asItIs);
  return reply.send(json);
}
