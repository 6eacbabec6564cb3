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
/** How long one on which nothing has come yet is left open: its first request may be on its way. */
const FIRST_REQUEST_MS = 1_000;

/** How many rounds of accepting a shutdown waits for at the most. */
const MOST_ROUNDS = 1_000;

export class Connections {
  readonly #server: Server;
  #accepted = 0;
  /** A set and one shared listener: there may be very many, and most of the time nobody looks. */
  readonly #open = new Set<BusySocket>();
  /** What was known of each at the last look, and when it was first looked at. */
  readonly #known = new WeakMap<BusySocket, { bytesRead: number; readonly since: number }>();

  constructor(server: Server) {
    this.#server = server;
    server.closeIdleConnections = () => {};
    const open = this.#open;
    function forget(this: BusySocket): void {
      open.delete(this);
    }
    server.on('connection', (socket: BusySocket) => {
      this.#accepted += 1;
      open.add(socket);
      socket.on('close', forget);
    });
  }

  /** From now on every answer, of a request that is running too, says `Connection: close`. */
  closeAfterAnswers(): void {
    for (const socket of this.#open) {
      if (socket._httpMessage != null) socket._httpMessage.shouldKeepAlive = false;
    }
    this.#server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false;
    });
  }

  /**
   * Resolves at a moment when no connection that was made waits to be accepted: to stop listening
   * resets those. The event loop accepts one in a round.
   */
  async acceptAll(): Promise<void> {
    for (let round = 0, before = -1; round < MOST_ROUNDS && before !== this.#accepted; round += 1) {
      before = this.#accepted;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /**
   * Closes every idle connection, and those that become so; a request that is on its way gets its
   * answer. Returns what ends that.
   */
  closeIdle(): () => void {
    this.#look(false);
    const timer = setInterval(() => this.#look(true), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }

  #look(closes: boolean): void {
    const now = performance.now();
    for (const socket of this.#open) {
      const { bytesRead } = socket;
      const known = this.#known.get(socket) ?? { bytesRead: -1, since: now };
      const isNew = bytesRead === 0 && known.since > now - FIRST_REQUEST_MS;
      const isIdle = socket._httpMessage == null && bytesRead === known.bytesRead && !isNew;
      if (closes && isIdle) socket.destroy();
      known.bytesRead = bytesRead;
      this.#known.set(socket, known);
    }
  }
}
