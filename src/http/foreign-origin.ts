/**
 * Keeps web pages of other origins from writing: a browser sends `Origin` with every such request,
 * and a page cannot leave it out (Fetch §3.2). Reads are kept from them by the browser itself.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ResultdError, shown } from '../errors.js';

export function refuseForeignOrigin(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  const { origin, host } = request.headers;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD') {
    done();
    return;
  }
  if (hostOf(origin) === host) {
    done();
    return;
  }
  done(
    new ResultdError(
      'forbidden',
      `a page of the origin ${shown(origin)} may not write here: send the request from a server, or ` +
        'from a page of this origin',
    ),
  );
}

/** An origin's host and port; undefined for `null` and what is not an origin. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
}
