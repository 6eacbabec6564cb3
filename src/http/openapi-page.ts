/**
 * The page at `/docs`: how it looks, and that its requests show what the service does.
 *
 * The functions here run in the browser: they are sent there as text, and see nothing of this file.
 */
import type { FastifySwaggerUiOptions } from '@fastify/swagger-ui';

/** A small icon of its own, so that no other project's stands for this one. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f4d7a"/><path d="M4 8.5l2.6 2.6L12 5.4" fill="none" stroke="#fff" stroke-width="2"/></svg>`;

/**
 * A stream of events never ends, and the page shows an answer when it has ended: of a stream it shows
 * what has come within three seconds.
 */
function showStreams<R extends object>(request: R): R {
  if (!/\/events($|\?)/.test((request as { readonly url?: string }).url ?? '')) return request;
  const userFetch: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null || !response.ok) return response;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    setTimeout(() => void reader.cancel(), 3_000);
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
    const shown = new Response(text, { status: response.status, headers: response.headers });
    return Object.defineProperty(shown, 'url', { value: response.url });
  };
  return Object.assign(request, { userFetch });
}

interface Toolbox {
  readonly fn: { getSampleSchema(...args: unknown[]): unknown };
}

/** The page takes lines for JSON, and would show them as one long string in quotes. */
function showLines({ fn: { getSampleSchema } }: Toolbox): object {
  const sample = (schema: unknown, type: unknown, settings: unknown, example: unknown): unknown =>
    String(type).includes('ndjson') && typeof example === 'string'
      ? example
      : getSampleSchema(schema, type, settings, example);
  return { fn: { getSampleSchema: sample } };
}

/** What the page has by default: without it, it would load no description. */
function downloadDescription(toolbox: unknown): object {
  const { SwaggerUIBundle } = globalThis as unknown as {
    SwaggerUIBundle: { plugins: { DownloadUrl(toolbox: unknown): object } };
  };
  return SwaggerUIBundle.plugins.DownloadUrl(toolbox);
}

export const PAGE: Pick<FastifySwaggerUiOptions, 'theme' | 'uiConfig'> = {
  theme: {
    title: 'resultd',
    favicon: [
      {
        filename: 'icon.svg',
        rel: 'icon',
        type: 'image/svg+xml',
        sizes: 'any',
        content: ICON,
      },
    ],
  },
  uiConfig: {
    // Without the bar on top, whose logo is not this project's.
    layout: 'BaseLayout',
    defaultModelsExpandDepth: 0,
    requestInterceptor: showStreams,
    plugins: [downloadDescription, showLines],
  },
};
