/** A JSON answer that is made in pieces: sent whole where it is small, else as it is made. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { JSON_TYPE } from '../record/outcome.js';
import { sendJson } from './json-answer.js';

/** Up to so many bytes are gathered, so that a small answer has a length and goes out in one write. */
const GATHERED_BYTES = 1_024 * 1_024;
/** What was gathered, what was made meanwhile, and the copies of both on their way to the client. */
const HELD_PIECES = 3;

/**
 * The answer to a read. A failure while the first pieces are made is answered as one; later it cuts
 * the answer off. Throws `overloaded` where too much of large answers is on its way already.
 */
export async function sendPieces(
  reply: FastifyReply,
  pieces: AsyncGenerator<Buffer>,
): Promise<FastifyReply> {
  const gathered: Buffer[] = [];
  let bytes = 0;
  while (bytes < GATHERED_BYTES) {
    const { value, done } = await pieces.next();
    if (done === true) return sendJson(reply, joined(gathered), true);
    gathered.push(value);
    bytes += value.length;
  }
  reply.server.largeAnswers.hold(reply, HELD_PIECES * bytes, true);
  reply.header('content-type', JSON_TYPE);
  return reply.send(Readable.from(all(gathered, pieces), { objectMode: false }));
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

async function* all(
  gathered: readonly Buffer[],
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  yield* gathered;
  yield* rest;
}
