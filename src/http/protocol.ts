/**
 * What HTTP/1.1 asks of a server below its routes, and where Node alone would answer without a
 * problem document, for the wrong request, or in a way that the client never sees.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { ResultdError, shown } from '../errors.js';
import type { BusySocket } from './connections.js';
import { isNdjson } from './media-type.js';
import { rawProblemResponse } from './problem.js';

/** How many headers a request may have: each costs memory, however short it is. */
const MOST_HEADERS = 200;

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
  server.on('upgrade', (request: IncomingMessage, _socket, rest: Buffer) => {
    ignoreUpgrade(server, request, rest);
  });
  server.on('connect', (_request: IncomingMessage, socket: BusySocket) => {
    refuseBytes(new Error('CONNECT is for proxies, and this is none'), socket);
  });
}

/**
 * Why a request is refused that has too many headers, no Host, or two of them (RFC 9112 §3.2); undefined
 * where it is well.
 */
export function badRequest({ headers, raw }: FastifyRequest): ResultdError | undefined {
  if (raw.rawHeaders.length > 2 * MOST_HEADERS) {
    const found = raw.rawHeaders.length / 2;
    return refusal(
      431,
      `the request has ${found} headers, and ${MOST_HEADERS} is the limit: send fewer`,
    );
  }
  if (raw.httpVersionMajor !== 1) {
    const found = `HTTP/${raw.httpVersion}`;
    return refusal(505, `the request says ${found}, and HTTP/1.1 is spoken here: use that`);
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return refusal(501, `the Transfer-Encoding ${shown(coding)} is not known here: use chunked`);
  }
  if (headers.host === undefined) {
    if (raw.httpVersion !== '1.1') return undefined;
    return new ResultdError('invalid-request', 'the request has no Host header: send one');
  }
  // Node keeps the first of several.
  if (countOf('host', raw.rawHeaders) === 1) return undefined;
  return new ResultdError('invalid-request', 'the request has more than one Host header: send one');
}

const refusal = (status: number, detail: string): ResultdError =>
  new ResultdError('invalid-request', detail, { status });

/** Whom a request asks: of a whole URL in the request line, the host of that (RFC 9112 §3.2.2). */
export function askedHost({ url, headers }: FastifyRequest): string | undefined {
  return url.startsWith('/') ? headers.host : (/^https?:\/\/([^/?#]+)/i.exec(url)?.[1] ?? url);
}

/**
 * A request that offers to go on in another protocol is one like any other (RFC 9110 §7.8): it is read
 * again without its offer, and so is what came behind it.
 */
function ignoreUpgrade(server: Server, request: IncomingMessage, rest: Buffer): void {
  const socket = request.socket as BusySocket;
  const before = socket._httpMessage;
  if (before != null) {
    // What follows finds its place only when the answers before it have gone.
    before.once('finish', () => setImmediate(() => ignoreUpgrade(server, request, rest)));
    return;
  }
  if (socket.destroyed) return;
  const { method, url, httpVersion, rawHeaders } = request;
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (!/^(upgrade|http2-settings)$/i.test(name)) head += `${name}: ${rawHeaders[at + 1]}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), rest]));
  server.emit('connection', socket);
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
