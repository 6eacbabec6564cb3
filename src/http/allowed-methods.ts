/** Which methods a path is served under, for 405 and `Allow` (RFC 9110 §15.5.6). */
import type { FastifyInstance } from 'fastify';

export class AllowedMethods {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** Must be made before any route is registered. */
  constructor(http: FastifyInstance) {
    http.addHook('onRoute', ({ url, method }) => {
      if (url.includes('*')) return;
      const route = this.#routes.get(url) ?? { pattern: patternOf(url), methods: new Set() };
      for (const name of Array.isArray(method) ? method : [method]) route.methods.add(name);
      this.#routes.set(url, route);
    });
  }

  /** The methods as `Allow` lists them; undefined where nothing is served at this path. */
  at(path: string): string | undefined {
    for (const { pattern, methods } of this.#routes.values()) {
      if (pattern.test(path)) return [...methods].sort().join(', ');
    }
    return undefined;
  }
}

function patternOf(url: string): RegExp {
  const literal = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[a-z_]+/g, '[^/]+');
  return new RegExp(`^${literal}$`);
}
