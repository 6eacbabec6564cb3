/** HTTP by hand, over a bare socket: for requests that no client would send. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type Answer, makeAnswer } from './service.js';
import { HANG_MS } from './until.js';

export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #hasEnded = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      socket.emit('progress');
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#hasEnded = true;
        socket.emit('progress');
      });
    }
  }

  /** Connects. The test's end closes it. */
  static async open(t: Test, port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const connection = new RawConnection(socket);
    t.teardown(() => {
      socket.destroy();
    });
    await once(socket, 'connect');
    return connection;
  }

  /** Sends bytes; lines of a head end in CRLF. */
  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** What has come and is not read yet. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  /** The next answer, an interim one too. Rejects where the connection ends before. */
  async answer({ isHead = false } = {}): Promise<Answer> {
    const headEnd = await this.#until(() => {
      const at = this.#received.indexOf('\r\n\r\n');
      return at < 0 ? undefined : at + 4;
    });
    const [statusLine = '', ...lines] = this.#received
      .toString('latin1', 0, headEnd - 4)
      .split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
    const length = hasBody ? Number(headers['content-length'] ?? 0) : 0;
    await this.#until(() => (this.#received.length >= headEnd + length ? true : undefined));
    const body = this.#received.subarray(headEnd, headEnd + length);
    this.#received = this.#received.subarray(headEnd + length);
    return makeAnswer(status, headers, Buffer.from(body));
  }

  /** Resolves when the server has closed the connection. */
  async ended(): Promise<void> {
    await this.#until(() => (this.#hasEnded ? true : undefined), false);
  }

  async #until<T>(condition: () => T | undefined, failsAtEnd = true): Promise<T> {
    const timeout = AbortSignal.timeout(HANG_MS);
    for (;;) {
      const value = condition();
      if (value !== undefined) return value;
      if (this.#hasEnded && failsAtEnd) {
        throw new Error(
          `the connection ended after ${JSON.stringify(this.received.slice(0, 300))}`,
        );
      }
      await once(this.socket, 'progress', { signal: timeout });
    }
  }
}

/** One connection, some bytes, one answer. */
export async function sendRaw(t: Test, port: number, bytes: string | Buffer): Promise<Answer> {
  const connection = await RawConnection.open(t, port);
  connection.send(bytes);
  return connection.answer();
}
