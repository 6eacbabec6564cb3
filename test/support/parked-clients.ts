/**
 * Many clients on bare sockets, each with one request that waits. They cost little, so that a test
 * can have thousands of them, see how each ended, or have them vanish.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** How a client's request ended. */
export interface Ending {
  /** Of the answer; undefined where the connection ended without a whole one. */
  readonly status: number | undefined;
  readonly head: string;
  /** `performance.now()` at its end. */
  readonly at: number;
  /** The error of the connection, such as ECONNRESET. */
  readonly error: string | undefined;
}

export class ParkedClient {
  /** Resolves when the answer has come, or the connection has ended. */
  readonly ended: Promise<Ending>;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      let received = '';
      const end = (error?: NodeJS.ErrnoException): void => {
        const [head = '', body] = received.split('\r\n\r\n', 2);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const isWhole = body !== undefined && Buffer.byteLength(body) >= length;
        const status = isWhole ? Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]) : undefined;
        if (status === undefined && error === undefined && !socket.destroyed) return;
        resolve({ status, head, at: performance.now(), error: error?.code });
      };
      socket.setEncoding('utf8').on('data', (text: string) => {
        received += text;
        end();
      });
      socket.on('error', end);
      socket.on('close', () => end());
    });
  }

  /** Connects, and asks with these lines; each ends in CRLF, and so does the last. */
  static async ask(port: number, path: string, host = '127.0.0.1'): Promise<ParkedClient> {
    const socket = connect(port, host);
    const client = new ParkedClient(socket);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return client;
  }

  /** Connects and asks many, some at a time, since a backlog is short. */
  static async askMany(
    port: number,
    count: number,
    pathOf: (index: number) => string,
  ): Promise<ParkedClient[]> {
    const clients: ParkedClient[] = [];
    while (clients.length < count) {
      const from = clients.length;
      const size = Math.min(200, count - from);
      const asked = Array.from({ length: size }, (_, n) =>
        ParkedClient.ask(port, pathOf(from + n)),
      );
      clients.push(...(await Promise.all(asked)));
    }
    return clients;
  }

  /** Goes away without a word more; with a reset, as a machine that is switched off in time. */
  vanish(withReset = false): void {
    if (withReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }
}
