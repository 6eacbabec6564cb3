/**
 * A GET and its HEAD. The framework's own HEAD routes give a 204 and a 304 a Content-Length, which
 * the first must not have and which is wrong for the second (RFC 9110 §8.6): here, both methods run
 * the same handler, and Node leaves out the body.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type {
  FastifyInstance,
  RouteGenericInterface,
  RouteShorthandOptionsWithHandler,
} from 'fastify';

/** Registers both. The HEAD is documented with its GET. */
export function readRoute<Route extends RouteGenericInterface>(
  app: FastifyInstance,
  url: string,
  options: RouteShorthandOptionsWithHandler<Server, IncomingMessage, ServerResponse, Route>,
): void {
  app.get<Route>(url, { ...options, exposeHeadRoute: false });
  app.head<Route>(url, { ...options, schema: { ...options.schema, hide: true } });
}
