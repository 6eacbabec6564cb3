/**
 * Requests that a client sends without waiting for the answers before them (RFC 9112 §9.3.2). Safe ones
 * run beside each other, a few of each connection at once. One that changes something runs when all
 * before it are answered, and holds back all that come after it: so they are carried out in their order.
 *
 * What waits is bounded: by its number, by the bytes of its heads, and by all of the process. So what one
 * connection holds is little, however many requests it has sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BusySocket } from './connections.js';

/** So many safe requests of a connection run behind the one whose turn to be answered it is. */
const MOST_RUNNING = 7;
/** From so many that wait on, or from so many bytes of them, no more is read from the connection. */
const MOST_WAITING = 256;
const MOST_BYTES = 64 * 1_024;
/** What all connections may have waiting; the one that goes beyond it is cut. */
const MOST_WAITING_OF_ALL = 20_000;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly begin: () => void;
  readonly bytes: number;
}

/** Only of connections that have had requests behind others. */
const pipelines = new WeakMap<Socket, Pipeline>();
let waitingOfAll = 0;

/** Calls `begin` when the request may run; never where the connection ends before. */
export function takeTurn(
  request: IncomingMessage,
  response: ServerResponse,
  begin: () => void,
): void {
  // Node gives a response its connection when the one before it is finished.
  if (response.socket !== null) {
    begin();
    return;
  }
  const socket = request.socket as BusySocket;
  let pipeline = pipelines.get(socket);
  if (pipeline === undefined) {
    pipeline = new Pipeline(socket);
    pipelines.set(socket, pipeline);
  }
  pipeline.add({ request, response, begin, bytes: headBytes(request) });
}

/** A method that changes nothing (RFC 9110 §9.2.1). */
function isSafe({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** About what the head of a request takes. */
function headBytes({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

/** The requests of one connection that are behind another, in order. */
class Pipeline {
  readonly #socket: BusySocket;
  readonly #running = new Set<ServerResponse>();
  readonly #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(socket: BusySocket) {
    this.#socket = socket;
    socket.once('close', () => this.#abandon());
    // Node reads on by itself when a request has been read to its end.
    socket.on('resume', () => this.#limit());
  }

  add(waiting: Waiting): void {
    waiting.response.once('socket', () => this.#advance(waiting.response));
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
    waitingOfAll += 1;
    this.#run();
    if (waitingOfAll > MOST_WAITING_OF_ALL) this.#socket.destroy();
    else this.#limit();
  }

  get #isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING || this.#bytes >= MOST_BYTES;
  }

  /** Who does not read does not see that the client has gone: so it reads on until it is full. */
  #limit(): void {
    if (this.#isFull) this.#socket.pause();
  }

  /** Begins those at the front that may run. */
  #run(): void {
    const wasFull = this.#isFull;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const isFirst = next.response.socket !== null;
      if (!isFirst && !this.#mayRunBeside(next)) break;
      this.#waiting.shift();
      this.#bytes -= next.bytes;
      waitingOfAll -= 1;
      if (!isFirst) this.#running.add(next.response);
      next.begin();
    }
    if (wasFull && !this.#isFull) this.#socket.resume();
  }

  /** All that are before it run already, and nothing that they do can matter to it. */
  #mayRunBeside({ request }: Waiting): boolean {
    const first = this.#socket._httpMessage?.req;
    const isAlone = first !== undefined && !isSafe(first);
    return isSafe(request) && !isAlone && this.#running.size < MOST_RUNNING;
  }

  /** The response has its turn to be sent. */
  #advance(response: ServerResponse): void {
    this.#running.delete(response);
    this.#run();
  }

  /** Node says so only to the response that has the connection. */
  #abandon(): void {
    waitingOfAll -= this.#waiting.length;
    this.#waiting.length = 0;
    this.#bytes = 0;
    for (const response of this.#running) {
      response.destroyed = true;
      response.emit('close');
    }
    this.#running.clear();
  }
}
