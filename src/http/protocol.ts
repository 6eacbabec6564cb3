/**
 * What HTTP/1.1 asks of a server below its routes, and where Node alone would answer without a
 * problem document, for the wrong request, or in a way that the client never sees.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { ResultdError } from '../errors.js';
import type { BusySocket } from './connections.js';
import { isNdjson } from './media-type.js';
import { rawProblemResponse } from './problem.js';

/** Connections whose present request may take longer to arrive than others. */
const longUploads = new WeakSet<Socket>();

/**
 * Lets this request take as long as it takes to arrive: Node's time for whole requests does not end
 * it. Whoever reads it must see to it that it goes on.
 */
export function allowLongUpload({ socket }: IncomingMessage, response: ServerResponse): void {
  longUploads.add(socket);
  response.once('close', () => longUploads.delete(socket));
}

/** Answers what is not HTTP, and ends the connection. */
export function refuseBytes(error: Error & { code?: string }, socket: BusySocket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && longUploads.has(socket)) return;
  const busyWith = socket._httpMessage;
  // What came before the bad bytes is not answered yet: an answer now would be taken for its own.
  const isOthers = busyWith != null && (busyWith.req.complete || busyWith.headersSent);
  if (error.code === 'ECONNRESET' || !socket.writable || isOthers) {
    socket.destroy();
    return;
  }
  socket.write(rawProblemResponse(error));
  socket.destroySoon();
}

/** Sees to the requests that Node would answer itself. */
export function guardProtocol(server: Server, bodyLimit: number): void {
  // Beyond 2,000 headers Node would leave the rest out without a word, a condition too. Their length
  // is limited as it is.
  server.maxHeadersCount = 0;
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // A body that is too large is refused before it is sent (RFC 9110 §10.1.1).
    const isTooLarge =
      Number(request.headers['content-length']) > bodyLimit && !isNdjson(request.headers);
    if (!isTooLarge) response.writeContinue();
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
  server.on('connect', (_request: IncomingMessage, socket: BusySocket) => {
    refuseBytes(new Error('CONNECT is for proxies, and this is none'), socket);
  });
}

/** Why a request without a Host, or with two, is refused (RFC 9112 §3.2); undefined where it has one. */
export function badHost({ headers, raw }: FastifyRequest): ResultdError | undefined {
  if (headers.host === undefined) {
    if (raw.httpVersion !== '1.1') return undefined;
    return new ResultdError('invalid-request', 'the request has no Host header: send one');
  }
  // Node keeps the first of several.
  if (countOf('host', raw.rawHeaders) === 1) return undefined;
  return new ResultdError('invalid-request', 'the request has more than one Host header: send one');
}

/** How often a header is there. The name is in lower case. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const found = rawHeaders[at]!;
    if (found.length === name.length && found.toLowerCase() === name) count += 1;
  }
  return count;
}

/**
 * Keeps the connection of a request that is refused before its body has come, until that has been
 * read and thrown away, for `lingerMs` at most. Closing it at once would reset it, and a client that
 * still sends would see a broken pipe in place of the answer (RFC 9112 §9.6).
 */
export function lingerOn(request: IncomingMessage, lingerMs: number): void {
  const { socket } = request;
  request.resume();
  socket.destroySoon = () => {
    socket.end();
    if (request.complete) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    request.once('end', () => socket.destroy());
    socket.once('close', () => clearTimeout(timer));
  };
}
