/**
 * The open connections of a server, so that a shutdown closes them in order: no answer is cut, and
 * no client is kept waiting for a connection that has nothing more to say.
 *
 * Node's own `closeIdleConnections`, which `close()` calls too, takes a connection for idle once its
 * answer has been handed over, and so cuts what a slow client has not read yet. It is switched off.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Node keeps the response that a connection is busy with here, until all of it is sent. */
export type BusySocket = Socket & {
  readonly _httpMessage?: ServerResponse<IncomingMessage> | null;
};

/** A connection is idle when it has neither asked nor been answered between two looks. */
const LOOK_EVERY_MS = 50;

export class Connections {
  readonly #server: Server;
  /** Each with the bytes that had come from it at the last look. */
  readonly #open = new Map<BusySocket, number>();

  constructor(server: Server) {
    this.#server = server;
    server.closeIdleConnections = () => {};
    server.on('connection', (socket) => {
      this.#open.set(socket, 0);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** From now on every answer, of a request that is running too, says `Connection: close`. */
  closeAfterAnswers(): void {
    for (const socket of this.#open.keys()) {
      if (socket._httpMessage != null) socket._httpMessage.shouldKeepAlive = false;
    }
    this.#server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false;
    });
  }

  /** Closes every idle connection, and those that become so. Returns what ends that. */
  closeIdle(): () => void {
    this.#look(false);
    const timer = setInterval(() => this.#look(true), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }

  #look(closes: boolean): void {
    for (const [socket, bytes] of this.#open) {
      // A request that is on its way when the server stops gets its answer.
      const isIdle = socket._httpMessage == null && socket.bytesRead === bytes;
      if (closes && isIdle) socket.destroy();
      else this.#open.set(socket, socket.bytesRead);
    }
  }
}
