/**
 * A keep-alive connection that speaks just enough HTTP/1.1: ready text out, one whole answer in.
 * A client that did more would spend the time that is to be measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** `performance.now()` when the last byte of it was here. */
  readonly at: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');

export class HttpSocket {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#hear(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the connection was closed')));
  }

  static async open(port: number): Promise<HttpSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new HttpSocket(socket);
  }

  /** Sends one request, and resolves to its answer. One at a time. */
  send(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #hear(chunk: Buffer): void {
    const bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = bytes;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (bytes.length < headEnd + HEAD_END.length + length) return;
    const at = performance.now();
    this.#received = Buffer.alloc(0);
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve({ status: Number(head.slice(9, 12)), at });
  }
}

/** The request for an outcome, waiting for it. */
export function waitRequest(path: string): string {
  return `GET ${path}?wait=10m HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}

/** A POST of JSON: the report of an outcome, for one. */
export function postRequest(path: string, body: string): string {
  return bodyRequest('POST', path, body);
}

/** Sets an outcome, whatever there is. */
export function setRequest(path: string, body: string): string {
  return bodyRequest('PUT', path, body);
}

function bodyRequest(method: string, path: string, body: string): string {
  return (
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
