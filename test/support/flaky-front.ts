/**
 * A reverse proxy that misbehaves when told to, request by request: it answers in the service's
 * place, as proxies do, or cuts the connection before or after the service has had the request.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

/** What becomes of one request. `after`: the service carries it out, and its answer is lost. */
export type Treatment =
  | 'pass'
  | { readonly cut: 'before' | 'after' }
  | { readonly delayMs: number }
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

export class FlakyFront {
  /** Decides on each request; all pass by default. */
  treat: (request: IncomingMessage) => Treatment = () => 'pass';
  /** What paths must start with, which the service is not told of; any other is answered 404. */
  prefix = '';
  /** The `Authorization` of the last request. */
  authorization: string | undefined;
  /** The requests that have come, each as `METHOD /path?query`. */
  readonly seen: string[] = [];
  readonly #server: Server;
  readonly #target: string;
  readonly #scheme: 'http' | 'https';

  private constructor(server: Server, target: string, scheme: 'http' | 'https') {
    this.#scheme = scheme;
    this.#server = server;
    this.#target = target;
    server.on('request', (incoming, outgoing) => void this.#meet(incoming, outgoing));
  }

  /** A front on a free port of 127.0.0.1, before the service at this origin. */
  static async start(target: string, tls?: ServerOptions): Promise<FlakyFront> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    const front = new FlakyFront(server, target, tls === undefined ? 'http' : 'https');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** The next requests that fit meet this, one each; later ones pass. */
  next(treatments: readonly Treatment[], fits: (line: string) => boolean = () => true): void {
    const left = [...treatments];
    this.treat = ({ method, url }) => {
      return fits(`${method} ${url}`) ? (left.shift() ?? 'pass') : 'pass';
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #meet(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.seen.push(`${incoming.method} ${incoming.url}`);
    this.authorization = incoming.headers.authorization;
    const isHere = incoming.url!.startsWith(this.prefix);
    const treatment = isHere ? this.treat(incoming) : { status: 404 };
    if (treatment === 'pass') {
      this.#pass(incoming, outgoing);
    } else if ('delayMs' in treatment) {
      await pause(treatment.delayMs);
      this.#pass(incoming, outgoing);
    } else if ('status' in treatment) {
      const { status, headers, body = '<html>nothing here</html>' } = treatment;
      incoming.resume();
      outgoing.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
    } else if (treatment.cut === 'before') {
      incoming.socket.resetAndDestroy();
    } else {
      this.#pass(incoming, outgoing, () => incoming.socket.resetAndDestroy());
    }
  }

  /** `instead`: what is done once the answer has come, in place of passing it on. */
  #pass(incoming: IncomingMessage, outgoing: ServerResponse, instead?: () => void): void {
    const { method, headers } = incoming;
    const onward = request(this.#target + incoming.url!.slice(this.prefix.length), {
      method: method!,
      headers,
    });
    onward.on('response', (answer) => {
      if (instead !== undefined) {
        answer.resume().once('end', instead);
        return;
      }
      outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(outgoing);
      answer.once('error', () => outgoing.destroy());
      // A stream's first bytes may be long in coming.
      outgoing.flushHeaders();
    });
    onward.on('error', () => incoming.socket.destroy());
    outgoing.once('close', () => onward.destroy());
    incoming.pipe(onward);
  }
}
