/**
 * Keeps web pages of other origins from writing: a browser sends `Origin` with every such request,
 * and a page cannot leave it out (Fetch §3.2). Reads are kept from them by the browser itself.
 */
import type { FastifyRequest } from 'fastify';
import { ResultdError, shown } from '../errors.js';

/** Why a write from a page of another origin is refused; undefined where the request is no such. */
export function foreignOrigin({ headers, method }: FastifyRequest): ResultdError | undefined {
  const { origin, host } = headers;
  if (origin === undefined || method === 'GET' || method === 'HEAD') return undefined;
  if (hostOf(origin) === host) return undefined;
  return new ResultdError(
    'forbidden',
    `a page of the origin ${shown(origin)} may not write here: send the request from a server, or ` +
      'from a page of this origin',
  );
}

/** An origin's host and port; undefined for `null` and what is not an origin. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
}
