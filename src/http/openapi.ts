/** The API's description: OpenAPI 3.1, made from the schemas of the routes, and its page at `/docs`. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { VERSION } from '../version.js';
import { completeDescription, type Description } from './openapi-examples.js';
import { PAGE } from './openapi-page.js';

/** Registers the description. Must come before the routes that it describes. */
export async function documentApi(http: FastifyInstance): Promise<void> {
  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'resultd',
        version: VERSION,
        description:
          'The result backend of a task queue. Workers report what became of a task; clients read ' +
          'it, or wait for it. Every GET has its HEAD. Every error is a problem document (RFC 9457); ' +
          'ProblemType, among the schemas, lists what they mean.',
        contact: { name: 'resultd' },
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This service' }],
      security: [],
      tags: [
        { name: 'outcome', description: 'What became of a task' },
        { name: 'status', description: 'How far a task has come' },
        { name: 'task', description: 'A task as a whole' },
        { name: 'many', description: 'Many tasks at once' },
        { name: 'events', description: 'What becomes of tasks, as it happens' },
        { name: 'operations', description: 'Health' },
      ],
    },
    transformObject(made) {
      if (!('openapiObject' in made)) return made.swaggerObject;
      // A copy without shared parts, which YAML would write as anchors.
      const description = JSON.parse(JSON.stringify(made.openapiObject)) as Description;
      completeDescription(description);
      return description as typeof made.openapiObject;
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `schema-${index}`,
    },
  });
  await http.register(swaggerUi, {
    routePrefix: '/docs',
    ...PAGE,
    uiHooks: {
      // The assets say otherwise themselves.
      onRequest: (_request, reply, done) => {
        reply.header('cache-control', 'no-store');
        done();
      },
    },
  });
  // A browser that is given the bare address. Relative, so that it leads there behind a proxy that
  // serves all of this below a prefix, too.
  http.get('/', { schema: { hide: true } }, (_request, reply) =>
    reply.header('cache-control', 'no-store').redirect('docs/', 302),
  );
}
