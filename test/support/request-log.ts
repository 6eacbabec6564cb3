/**
 * An HTTP proxy in front of a service that writes down every request, and answers some of them
 * badly when told to: with a status of its own, or not at all though the service has done it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Test } from 'tap';
import { Agent } from 'undici';

export interface LoggedRequest {
  readonly method: string;
  /** As it came, with the query. */
  readonly path: string;
  readonly body: string;
  /** When it had come, on the clock of `performance.now()`. */
  readonly at: number;
  /** What it was answered with; 0 while it is not answered, or where the answer was lost. */
  readonly status: number;
}

/** An answer in the place of the service's, or `lose`: pass the request on, and lose the answer. */
export type BadAnswer =
  | 'lose'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export class RequestLog {
  /** Every request so far, in the order in which they came. */
  readonly requests: readonly LoggedRequest[];
  /** Asked for each request; undefined lets it pass. */
  spoil: (request: LoggedRequest) => BadAnswer | undefined = () => undefined;
  readonly #requests: (LoggedRequest & { status: number })[] = [];
  readonly #server: Server;
  readonly #target: string;
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  private constructor(target: string) {
    this.requests = this.#requests;
    this.#target = target;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** A proxy on a free port in front of this origin. The test's end closes it. */
  static async start(t: Test, target: string): Promise<RequestLog> {
    const log = new RequestLog(target);
    log.#server.listen(0, '127.0.0.1');
    await once(log.#server, 'listening');
    t.teardown(async () => {
      log.#server.closeAllConnections();
      log.#server.close();
      await log.#agent.destroy();
    });
    return log;
  }

  /** `http://127.0.0.1:<port>` */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const logged = {
      method: request.method!,
      path: request.url!,
      body: Buffer.concat(pieces).toString(),
      at: performance.now(),
      status: 0,
    };
    this.#requests.push(logged);
    const bad = this.spoil(logged);
    if (typeof bad === 'object') {
      logged.status = bad.status;
      response.writeHead(bad.status, bad.headers).end('spoilt');
      return;
    }
    const { connection: _, host: __, ...headers } = request.headers;
    const answer = await this.#agent.request({
      origin: this.#target,
      method: logged.method as 'GET',
      path: logged.path,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => !/^(keep-alive|transfer-encoding)$/.test(name)),
      ) as Record<string, string>,
      body: logged.body === '' ? null : Buffer.concat(pieces),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    if (bad === 'lose') {
      response.destroy();
      return;
    }
    logged.status = answer.statusCode;
    const { connection: ___, 'keep-alive': ____, ...rest } = answer.headers;
    response.writeHead(answer.statusCode, rest as Record<string, string>).end(body);
  }
}
