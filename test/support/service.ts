/**
 * The service for tests: in this process on a free port, with a small client that shows status,
 * headers and bytes exactly as they came.
 */
import type { Test } from 'tap';
import { type Dispatcher, Pool } from 'undici';
import { type App, type AppOptions, buildApp } from '../../src/app.js';
import { Broker, type BrokerOptions } from '../../src/broker.js';
import type { ResultBackend } from '../../src/result-backend.js';

/** One answer, read to its end. */
export interface Answer {
  readonly status: number;
  /** By lower-case name; a header that came several times is joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** The body as a JSON object. */
  json(): Record<string, unknown>;
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A value that is neither text nor bytes is sent as JSON, with its content type. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export type ServiceOptions = Omit<AppOptions, 'logLevel'> &
  BrokerOptions & { readonly logLevel?: string };

export class Service {
  readonly app: App;
  readonly backend: ResultBackend;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly port: number;
  readonly #pool: Pool;
  #closed: Promise<void> | undefined;

  private constructor(app: App, backend: ResultBackend, origin: string) {
    this.app = app;
    this.backend = backend;
    this.origin = origin;
    this.port = Number(new URL(origin).port);
    this.#pool = new Pool(origin, { connections: 1_024, pipelining: 1 });
  }

  /** Starts the service on a backend, or on the URL of one. The test's end closes it. */
  static async start(
    t: Test,
    backend: string | ResultBackend = 'memory:',
    options: ServiceOptions = {},
  ): Promise<Service> {
    const broker =
      typeof backend === 'string' ? await Broker.fromUrl(backend, options) : new Broker(backend);
    const app = await buildApp(broker, { logLevel: 'silent', ...options });
    await app.startup();
    const origin = await app.http.listen({ host: '127.0.0.1', port: 0 });
    const service = new Service(app, broker.resultBackend, origin);
    t.teardown(() => service.close());
    return service;
  }

  /** One request. `target` goes onto the wire as it stands. */
  async call(method: string, target: string, call: Call = {}): Promise<Answer> {
    return readAnswer(await this.open(method, target, call));
  }

  /** One request, up to the headers of its answer. */
  open(method: string, target: string, call: Call = {}): Promise<Dispatcher.ResponseData> {
    const { body, isJson } = encode(call.body);
    return this.#pool.request({
      method: method as Dispatcher.HttpMethod,
      path: target,
      headers: { ...(isJson ? { 'content-type': 'application/json' } : {}), ...call.headers },
      body: body ?? null,
      signal: call.signal ?? null,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Safe to repeat. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#pool.destroy();
    await this.app.shutdown();
  }
}

function encode(body: unknown): { body: string | Buffer | undefined; isJson: boolean } {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) {
    return { body, isJson: false };
  }
  return { body: JSON.stringify(body), isJson: true };
}

async function readAnswer(response: Dispatcher.ResponseData): Promise<Answer> {
  const body = Buffer.from(await response.body.arrayBuffer());
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value);
  return makeAnswer(response.statusCode, headers, body);
}

export function makeAnswer(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Answer {
  const text = body.toString();
  return { status, headers, body, text, json: () => JSON.parse(text) as Record<string, unknown> };
}
