/**
 * The HTTP service around one broker: builds it, and never listens. `service/server.ts` does.
 *
 * Bodies arrive as bytes and leave as bytes: there is no JSON parser and no serializer between a
 * worker's outcome and the store.
 */
import type { Server } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { batchRoutes } from '../routes/batches.js';
import { eventRoutes } from '../routes/events.js';
import { listRoutes } from '../routes/lists.js';
import { operationRoutes } from '../routes/operations.js';
import { outcomeRoutes } from '../routes/outcomes.js';
import { resultRoutes } from '../routes/results.js';
import { statusRoutes } from '../routes/statuses.js';
import { taskRoutes } from '../routes/tasks.js';
import { DOCUMENTS } from '../schemas/documents.js';
import type { Broker } from './broker.js';
import type { ResultdError } from './errors.js';
import { EventHub, type EventHubOptions } from './events/event-hub.js';
import { AllowedMethods } from './http/allowed-methods.js';
import { Connections } from './http/connections.js';
import { foreignOrigin } from './http/foreign-origin.js';
import { LargeAnswers } from './http/large-answers.js';
import { documentApi } from './http/openapi.js';
import { allowHalfClosed } from './http/parked-requests.js';
import { takeTurn } from './http/pipelined-requests.js';
import {
  BODY_TOO_LARGE,
  methodNotAllowed,
  PROBLEM_TYPE,
  problemOf,
  retryAfter,
  routeUnknown,
  toResultdError,
} from './http/problem.js';
import { askedHost, badRequest, guardProtocol, lingerOn, refuseBytes } from './http/protocol.js';
import { checkAllQueries, queryValidator } from './http/query-validator.js';
import { ServedHosts, type ServedHostsOptions } from './http/served-hosts.js';
import { StoreFailures } from './http/store-failures.js';
import { StoreHealth } from './http/store-health.js';
import { encodeState } from './http/task-answer.js';
import { TaskReader } from './http/task-reader.js';
import { WaitHub, type WaitHubOptions } from './wait-hub.js';

export interface AppOptions extends WaitHubOptions, EventHubOptions, ServedHostsOptions {
  /** The largest body, in bytes. Default: 8 MiB. */
  readonly bodyLimit?: number;
  /** Whose `X-Forwarded-For` is believed: Fastify's `trustProxy`. Default: nobody's. */
  readonly trustProxy?: boolean | string;
  /**
   * How long the rest of a body that is over the limit is read and thrown away, in milliseconds, so
   * that who sends it sees the answer. Default: 5,000.
   */
  readonly lingerMs?: number;
  /**
   * The time within which a request must have arrived, in milliseconds; where it is a stream of
   * lines, the longest pause in it. Default: 300,000.
   */
  readonly requestTimeoutMs?: number;
  /** How long a large answer, or a stream of them, may not be read, in ms. Default: 30,000. */
  readonly stallMs?: number;
  /** How many bytes of large answers may be on their way at once. Default: 128 MiB. */
  readonly maxLargeAnswerBytes?: number;
  /** `fatal` … `trace`, or `silent`. Default: `info`. */
  readonly logLevel?: string;
}

/** The service, and what its owner does with it. */
export interface App {
  readonly http: FastifyInstance;
  readonly hub: WaitHub;
  readonly events: EventHub;
  readonly log: FastifyBaseLogger;
  /** Starts the broker and the hubs. Throws `store-unavailable`. */
  startup(): Promise<void>;
  /**
   * Readiness off, every waiter answered and every event stream ended, spread over `durationMs`.
   * Reads and writes go on; each answer closes its connection.
   */
  drain(durationMs: number): Promise<void>;
  /** Stops the HTTP server once what runs is answered, then the hubs and the broker. */
  shutdown(): Promise<void>;
}

const MIB = 1_024 * 1_024;
const REQUEST_TIMEOUT_MS = 300_000;

/** Builds the service around a broker that is not started yet. */
export async function buildApp(broker: Broker, options: AppOptions = {}): Promise<App> {
  const bodyLimit = options.bodyLimit ?? 8 * MIB;
  const backend = broker.resultBackend;
  const hub = new WaitHub(backend, options);
  const events = new EventHub(backend, options);
  const http = createServer(options, bodyLimit);
  const connections = new Connections(http.server);
  http.addHook('preClose', () => connections.acceptAll());
  const health = new StoreHealth(backend, (isUp, error) => {
    if (isUp) http.log.info('the store works again');
    else http.log.error({ err: error }, 'the store fails');
  });
  let isDraining = false;

  const { stallMs = 30_000, requestTimeoutMs: idleMs = REQUEST_TIMEOUT_MS } = options;
  const maxBytes = options.maxLargeAnswerBytes ?? 128 * MIB;
  http.decorate('storeFailures', new StoreFailures(http.log));
  http.decorate('largeAnswers', new LargeAnswers({ maxBytes, stallMs }));
  checkAllQueries(http);
  await documentApi(http);
  for (const schema of DOCUMENTS) http.addSchema(schema);
  const reader = new TaskReader(backend, hub);
  outcomeRoutes(http, backend);
  resultRoutes(http, backend, reader);
  statusRoutes(http, backend, reader);
  taskRoutes(http, backend, reader);
  listRoutes(http, backend);
  batchRoutes(http, { backend, hub, limits: { bodyLimit, stallMs, idleMs } });
  eventRoutes(http, events);
  operationRoutes(http, () => ({
    isDraining,
    storeFailingForMs: health.failingForMs,
    isStoreReady: health.isReady,
    supports: backend.supports,
  }));
  await http.ready();

  return {
    http,
    hub,
    events,
    log: http.log,
    async startup() {
      await broker.startup();
      await hub.start();
      await events.start();
      await health.start();
    },
    async drain(durationMs) {
      isDraining = true;
      connections.closeAfterAnswers();
      await Promise.all([hub.drain(durationMs), events.drain(durationMs)]);
    },
    async shutdown() {
      isDraining = true;
      await Promise.all([hub.drain(0), events.drain(0)]);
      const stopClosing = connections.closeIdle();
      await http.close();
      stopClosing();
      health.stop();
      await hub.stop();
      await events.stop();
      await broker.shutdown();
    },
  };
}

function createServer(options: AppOptions, bodyLimit: number): FastifyInstance {
  const { lingerMs = 5_000, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const answerError = (error: Error, request: FastifyRequest, reply: FastifyReply) => {
    if ((error as FastifyError).code === BODY_TOO_LARGE) lingerOn(request.raw, lingerMs);
    return sendProblem(reply, error, request, bodyLimit);
  };
  const hosts = new ServedHosts(options);
  const http = Fastify<Server>({
    logger: { level: options.logLevel ?? 'info' },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    trustProxy: options.trustProxy ?? false,
    // A parked answer may take as long as it takes.
    requestTimeout: requestTimeoutMs,
    // Requests on open connections are served until the end of a shutdown.
    return503OnClosing: false,
    // The contract checks ids: a long one gets a problem document that says so.
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: answerError,
    clientErrorHandler: refuseBytes,
    // A request without Host is refused with a problem document, by `badRequest`.
    http: {
      requireHostHeader: false,
      // Node enforces neither of the two where this one is longer than the other.
      headersTimeout: Math.min(60_000, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(30_000, requestTimeoutMs),
    },
  });
  const allowed = new AllowedMethods(http);
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  // Bodies are checked as bytes, ids and headers by the contract; only the query is left.
  http.setValidatorCompiler(queryValidator);
  http.setSerializerCompiler(() => JSON.stringify);
  // One hook, since each costs every request.
  http.addHook('onRequest', (request, reply, done) => {
    takeTurn(request.raw, reply.raw, () => {
      const refusal = refusalOf(request, hosts);
      done(refusal ?? (request.is404 ? unknownPath(allowed, request, reply) : undefined));
    });
  });
  http.setErrorHandler<Error>(answerError);
  guardProtocol(http.server, bodyLimit);
  allowHalfClosed(http.server);
  return http;
}

/** Why a request is refused whatever its route would say. */
function refusalOf(request: FastifyRequest, hosts: ServedHosts): Error | undefined {
  return badRequest(request) ?? hosts.refusalOf(askedHost(request)) ?? foreignOrigin(request);
}

/** 405 where the path is served under another method, else 404: before a body is read. */
function unknownPath(
  allowed: AllowedMethods,
  request: FastifyRequest,
  reply: FastifyReply,
): ResultdError {
  const path = request.url.split('?', 1)[0]!;
  const methods = allowed.at(path);
  if (methods === undefined) return routeUnknown(path);
  reply.header('allow', methods);
  return methodNotAllowed(request.method, path, methods);
}

/** The only place that answers an error. */
function sendProblem(
  reply: FastifyReply,
  thrown: FastifyError | Error,
  request: FastifyRequest,
  bodyLimit: number,
): FastifyReply {
  const error = toResultdError(thrown, request, bodyLimit);
  const problem = problemOf(error);
  reply.server.storeFailures.note(error);
  if (error.code === 'internal') request.log.error({ err: thrown, url: request.url }, 'failed');
  const seconds = retryAfter(error);
  if (seconds !== undefined) reply.header('retry-after', seconds);
  if (error.taskState !== undefined) reply.header('task-state', encodeState(error.taskState));
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .send(Buffer.from(JSON.stringify(problem)));
}
