/**
 * Keeps web pages of other origins from writing: a browser sends `Origin` with every such request,
 * and a page cannot leave it out (Fetch §3.2). Reads are kept from them by the browser itself.
 */
import type { FastifyRequest } from 'fastify';
import { ResultdError, shown } from '../errors.js';

/** Why a write from a page of another origin is refused; undefined where the request is no such. */
export function foreignOrigin(request: FastifyRequest): ResultdError | undefined {
  const { origin } = request.headers;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD')
    return undefined;
  const own = `${request.protocol}://${request.host}`;
  if (/^https?:\/\/[^/]+$/.test(origin) && originOf(origin) === originOf(own)) return undefined;
  return new ResultdError(
    'forbidden',
    `a page of the origin ${shown(origin)} may not write here, which is ${shown(own)}: send the ` +
      'request from a server, or from a page of this origin (where a proxy speaks https for this ' +
      'service: name it in RESULTD_TRUST_PROXY, and let it send X-Forwarded-Proto)',
  );
}

/** Scheme, host and port, without a port that is the scheme's own; undefined for what is no URL. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
