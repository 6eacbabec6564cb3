/**
 * The connection to NATS, kept alive, and requests on it: it never hangs and never gives up.
 *
 * Requests have a subscription for their replies of their own, which costs a fraction of what the
 * client's cost. Each is sent once. Without a connection it fails at once, when the connection goes
 * it fails then, and else when its time is over; nothing is sent again, since a write may have been
 * done. Regular pings find a server that has gone silent.
 */

import { readFileSync } from 'node:fs';
import {
  type NatsConnection as Client,
  connect,
  createInbox,
  credsAuthenticator,
  errors,
  type Msg,
  type MsgHdrs,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  type ServerInfo,
} from '@nats-io/transport-node';
import { within } from '../../timing.js';
import type { Headers } from './headers.js';
import { ConnectionLost, JetStreamError, wrapped } from './nats-errors.js';
import type { NatsSettings } from './nats-url.js';

const PING_EVERY_MS = 1_000;
/** Between two attempts to connect; up to five times as long, so that not all come back at once. */
const SHORTEST_PAUSE_MS = 100;
/** How often requests are looked at whose time may be over, in parts of their time. */
const LOOKS = 10;

interface Pending {
  readonly subject: string;
  readonly dueAt: number;
  readonly resolve: (message: Msg) => void;
  readonly reject: (error: Error) => void;
}

interface ConnectionEvents {
  /** The connection is there again, its subscriptions too, and messages may have been missed. */
  readonly onReconnect: () => void;
}

export class NatsConnection {
  readonly #settings: NatsSettings;
  readonly #timeoutMs: number;
  readonly #events: ConnectionEvents;
  readonly #pending = new Map<string, Pending>();
  #client: Client | undefined;
  #inbox = '';
  #requests = 0;
  #isConnected = false;
  #lastError: unknown;
  #looker: NodeJS.Timeout | undefined;

  constructor(settings: NatsSettings, timeoutMs: number, events: ConnectionEvents) {
    this.#settings = settings;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
  }

  /** What the server says of itself. Only while there is a client. */
  get info(): ServerInfo | undefined {
    return this.#client?.info;
  }

  /** Connects, or throws `store-unavailable`, within the time-out, and leaves nothing open. */
  async open(): Promise<void> {
    let isLate = false;
    const connecting = connect(optionsOf(this.#settings, this.#timeoutMs));
    try {
      this.#client = await within(connecting, this.#timeoutMs, () => new errors.TimeoutError());
    } catch (error) {
      isLate = true;
      throw this.wrap(error);
    } finally {
      connecting.then(
        (client) => (isLate ? void client.close() : undefined),
        () => {},
      );
    }
    this.#isConnected = true;
    this.#inbox = `${createInbox(inboxPrefix(this.#settings))}.`;
    this.#client.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => this.#receive(error, message),
    });
    this.#looker = setInterval(() => this.#look(), this.#timeoutMs / LOOKS).unref();
    void this.#watch(this.#client);
  }

  async close(): Promise<void> {
    clearInterval(this.#looker);
    const client = this.#client;
    this.#client = undefined;
    this.#fail('the connection was closed');
    await client?.close();
  }

  /** One request and its reply. Throws the client's error: see `wrap`. */
  request(subject: string, payload?: Uint8Array | string, headers?: Headers): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.#send({ subject, resolve, reject }, payload, headers);
    });
  }

  /** A request whose reply is JSON. Throws a `JetStreamError` where that says so. */
  async ask<T>(subject: string, payload?: Uint8Array | string, headers?: Headers): Promise<T> {
    const reply = await this.request(subject, payload, headers);
    const answer = JSON.parse(Buffer.from(reply.data).toString()) as T & { error?: ApiError };
    if (answer.error === undefined) return answer;
    throw new JetStreamError(answer.error.err_code ?? 0, answer.error.description ?? '');
  }

  /** Delivers what comes on a subject, on whatever connection there is. Not yet live. */
  subscribe(subject: string, deliver: (message: Msg) => void, refused: (error: Error) => void) {
    return this.#connected().subscribe(subject, {
      callback: (error, message) => (error === null ? deliver(message) : refused(error)),
    });
  }

  /** Sends a message whose replies come elsewhere. */
  publish(subject: string, payload: string, reply: string): void {
    this.#connected().publish(subject, payload, { reply });
  }

  /** The client's error as this package's. */
  wrap(error: unknown): Error {
    const address = this.#client?.getServer() || this.#settings.servers.join(', ');
    return wrapped(error, address, this.#lastError);
  }

  #connected(): Client {
    if (this.#client === undefined || !this.#isConnected || this.#client.info === undefined) {
      throw new ConnectionLost('there is no connection');
    }
    return this.#client;
  }

  #send(
    request: Omit<Pending, 'dueAt'>,
    payload: Uint8Array | string = '',
    headers?: Headers,
  ): void {
    try {
      const client = this.#connected();
      this.#requests += 1;
      const token = this.#requests.toString(36);
      const reply = this.#inbox + token;
      // The client asks nothing of headers but their bytes.
      const options =
        headers === undefined ? { reply } : { reply, headers: headers as unknown as MsgHdrs };
      client.publish(request.subject, payload, options);
      this.#pending.set(token, { ...request, dueAt: performance.now() + this.#timeoutMs });
    } catch (error) {
      request.reject(error as Error);
    }
  }

  #receive(error: Error | null, message: Msg): void {
    if (error !== null) {
      this.#lastError = error;
      this.#fail('replies cannot be received');
      return;
    }
    const token = message.subject.slice(this.#inbox.length);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    const isRefused = message.data.length === 0 && message.headers?.code === 503;
    if (isRefused) pending.reject(new errors.NoRespondersError(pending.subject));
    else pending.resolve(message);
  }

  /** Requests stand in the order in which their time ends. */
  #look(): void {
    const now = performance.now();
    for (const [token, { dueAt, reject }] of this.#pending) {
      if (dueAt > now) return;
      this.#pending.delete(token);
      reject(new errors.TimeoutError());
    }
  }

  #fail(reason: string): void {
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of failed) reject(new ConnectionLost(reason));
  }

  async #watch(client: Client): Promise<void> {
    for await (const status of client.status()) {
      if (status.type === 'disconnect') {
        this.#isConnected = false;
        this.#fail('the connection was lost before the answer, and a write may have been done');
      } else if (status.type === 'reconnect') {
        this.#isConnected = true;
        this.#lastError = undefined;
        this.#events.onReconnect();
      } else if (status.type === 'error') {
        this.#refused(status.error);
      }
    }
  }

  /** Of a request that the user may not send the server tells the connection alone. */
  #refused(error: Error): void {
    this.#lastError = error;
    if (!(error instanceof errors.PermissionViolationError)) return;
    for (const [token, { subject, reject }] of this.#pending) {
      if (subject !== error.subject) continue;
      this.#pending.delete(token);
      reject(error);
    }
  }
}

interface ApiError {
  readonly err_code?: number;
  readonly description?: string;
}

/** Where the replies to this bucket's replicas come: a user need not see those of others. */
function inboxPrefix({ bucket }: NatsSettings): string {
  return `_INBOX_${bucket}`;
}

function optionsOf(settings: NatsSettings, timeoutMs: number): NodeConnectionOptions {
  const { servers, user, password, token, tls } = settings;
  return {
    servers: [...servers],
    name: 'resultd',
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
    ...authenticatorOf(settings),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    timeout: timeoutMs,
    pingInterval: PING_EVERY_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => SHORTEST_PAUSE_MS * (1 + 4 * Math.random()),
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
}

/** The files are read at each connect, so that keys can be renewed; one that is gone is no reason to end. */
function authenticatorOf({
  nkeyFile,
  credsFile,
}: NatsSettings): Pick<NodeConnectionOptions, 'authenticator'> {
  const file = nkeyFile ?? credsFile;
  if (file === undefined) return {};
  let bytes = readFileSync(file);
  const read = (): Uint8Array => {
    try {
      bytes = readFileSync(file);
    } catch {
      // What it held at the last connect may still do.
    }
    return nkeyFile === undefined ? bytes : Buffer.from(bytes.toString('latin1').trim());
  };
  return {
    authenticator: nkeyFile === undefined ? credsAuthenticator(read) : nkeyAuthenticator(read),
  };
}

function tlsOptions({ ca, cert, key }: NonNullable<NatsSettings['tls']>) {
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { certFile: cert }),
    ...(key === undefined ? {} : { keyFile: key }),
  };
}
