/**
 * Requests that a client sends without waiting for the answers before them (RFC 9112 §9.3.2). A few
 * of each connection run at once; the others wait until answers before them have been handed over.
 * So what one connection has running is bounded, however many it has sent, and what it sends before
 * it leaves is hardly begun.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** So many requests of a connection run behind the one whose turn to be answered it is. */
const MOST_RUNNING = 7;
/** From so many that wait on, no more bytes are read from the connection. */
const MOST_WAITING = 1_000;

/** Only of connections that have had requests behind others. */
const pipelines = new WeakMap<Socket, Pipeline>();

/** Calls `begin` when the request may run; never where the connection ends before. */
export function takeTurn(
  { socket }: IncomingMessage,
  response: ServerResponse,
  begin: () => void,
): void {
  // Node gives a response its connection when the one before it is finished.
  if (response.socket !== null) {
    begin();
    return;
  }
  let pipeline = pipelines.get(socket);
  if (pipeline === undefined) {
    pipeline = new Pipeline(socket);
    pipelines.set(socket, pipeline);
  }
  pipeline.add(response, begin);
}

/** The requests of one connection that are behind another, in order. */
class Pipeline {
  readonly #socket: Socket;
  readonly #running = new Set<ServerResponse>();
  readonly #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => this.#abandon());
    // Node reads on by itself when a request has been read to its end.
    socket.on('resume', () => this.#limit());
  }

  add(response: ServerResponse, begin: () => void): void {
    const run = (): void => {
      this.#running.add(response);
      begin();
    };
    response.once('socket', () => this.#advance(response));
    if (this.#running.size < MOST_RUNNING) {
      run();
      return;
    }
    this.#waiting.push(run);
    this.#limit();
  }

  /** Who does not read does not see that the client has gone: so it reads on for long. */
  #limit(): void {
    if (this.#waiting.length >= MOST_WAITING) this.#socket.pause();
  }

  /** The response has its turn to be sent, and so another may run. */
  #advance(response: ServerResponse): void {
    this.#running.delete(response);
    const next = this.#waiting.shift();
    if (this.#waiting.length === MOST_WAITING / 2) this.#socket.resume();
    next?.();
  }

  /** Node says so only to the response that has the connection. */
  #abandon(): void {
    this.#waiting.length = 0;
    for (const response of this.#running) {
      response.destroyed = true;
      response.emit('close');
    }
    this.#running.clear();
  }
}
