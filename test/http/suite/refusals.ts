/** What is refused before any store is asked: paths, methods, ids, origins, queries. */
import { isHeadOf, isProblem, SUCCESS } from './expect.js';
import { READS } from './parking.js';
import type { Topic } from './topic.js';

/** Every path of the API, with its methods as `Allow` lists them. */
const ROUTES: readonly [path: string, allow: string][] = [
  ['/v1/tasks/{id}', 'DELETE, GET, HEAD'],
  ['/v1/tasks/{id}/result', 'GET, HEAD, POST, PUT'],
  ['/v1/tasks/{id}/exception', 'GET, HEAD, POST, PUT'],
  ['/v1/tasks/{id}/status', 'GET, HEAD, POST, PUT'],
  ['/v1/tasks/{id}/expiry', 'PUT'],
  ['/v1/tasks/{id}/result/consume', 'POST'],
  ['/v1/tasks', 'GET, HEAD'],
  ['/v1/stats', 'GET, HEAD'],
  ['/v1/batch/get', 'POST'],
  ['/v1/batch/wait', 'POST'],
  ['/v1/batch/set', 'POST'],
  ['/v1/batch/delete', 'POST'],
  ['/livez', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/openapi.json', 'GET, HEAD'],
  ['/openapi.yaml', 'GET, HEAD'],
  ['/docs', 'GET, HEAD'],
  ['/', 'GET, HEAD'],
];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];

/** Every write: what each would store if it were not refused. */
const WRITES: readonly [method: string, route: string, body: string][] = [
  ['POST', '/result', SUCCESS],
  ['PUT', '/result', SUCCESS],
  ['POST', '/exception', '{"exc_type":"E"}'],
  ['PUT', '/exception', '{"exc_type":"E"}'],
  ['POST', '/status', '{"state":"STARTED"}'],
  ['PUT', '/status', '{"state":"STARTED"}'],
  ['PUT', '/expiry', '{"ttl":"1h"}'],
  ['POST', '/result/consume', ''],
  ['DELETE', '', ''],
];

const json = { 'content-type': 'application/json' };

export const refusals: Topic = {
  name: 'refusals',
  cases: {
    'a wrong method is 405 with Allow, on every path': async (t, api) => {
      for (const [path, allow] of ROUTES) {
        const target = path.replace('{id}', api.taskId());
        for (const method of METHODS) {
          if (allow.split(', ').includes(method)) continue;
          const answer = await api.call(method, `${target}?x=1`);
          t.equal(answer.headers.allow, allow, `${method} ${path}`);
          if (method === 'HEAD') t.equal(answer.status, 405);
          else isProblem(t, answer, 'method-not-allowed', new RegExp(`${method}.*${allow}`));
        }
        for (const method of allow.split(', ')) {
          const answer = await api.call(method, target);
          t.not(answer.status, 405, `${method} ${path}`);
        }
      }
    },

    'an unknown path is 404, with the path as it was sent': async (t, api) => {
      for (const target of [
        '/v1',
        '/v1/',
        '/v1/batch',
        '/v2/tasks/a',
        '/V1/tasks/a',
        '/v1/tasks/a/',
        '/v1/tasks/a/results',
        '/v1/tasks/a/result/',
        '/v1/tasks/a/result/consume/x',
        '/v1/tasks/a/b/result',
        '//v1/tasks/a',
        '/favicon.ico',
        '/livez/',
        '/metrics%00',
      ]) {
        for (const method of ['GET', 'POST', 'DELETE']) {
          const answer = await api.call(method, target);
          isProblem(t, answer, 'route-unknown', /\/docs/, `${method} ${target}`);
          t.equal(answer.headers.allow, undefined);
        }
        isHeadOf(t, await api.head(target), await api.get(target), `HEAD ${target}`);
      }
      const long = await api.get(`/${'x'.repeat(8_000)}`);
      isProblem(t, long, 'route-unknown', /"\/x{99}…"/);
    },

    'an id that is not one is 400 for every method, and nothing is stored': async (t, api) => {
      const ids = [
        '',
        '.',
        '..',
        '%2E',
        '%2e%2E',
        'a%20b',
        'a%2Fb',
        'a%00b',
        'a,b',
        'a;b',
        "a'b",
        'a(b)',
        'a*b',
        'a&b',
        'a$b',
        'a!b',
        'a%25',
        'caf%C3%A9',
        '%F0%9F%98%80',
        '%EF%BC%A1',
        'x'.repeat(256),
        'x'.repeat(5_000),
      ];
      for (const id of ids) {
        const message = id.slice(0, 20);
        for (const [method, route, body] of WRITES) {
          const target = `/v1/tasks/${id}${route}`;
          const answer = await api.call(method, target, { body, headers: json });
          isProblem(t, answer, 'invalid-task-id', /1 to 255/, `${method} ${message}${route}`);
        }
        for (const [method, suffix] of READS) {
          const answer = await api.call(method, `/v1/tasks/${id}${suffix}`);
          t.equal(answer.status, 400, `${method} ${message}${suffix}`);
          t.equal(answer.headers['content-type'], 'application/problem+json');
        }
        const waiting = await api.get(`/v1/tasks/${id}/result?wait=30s`);
        isProblem(t, waiting, 'invalid-task-id', /1 to 255/, `${message} waited for`);
      }
      const long = await api.get(`/v1/tasks/${'x'.repeat(5_000)}`);
      isProblem(t, long, 'invalid-task-id', /"x{100}…"/);
    },

    'a badly encoded path is 400': async (t, api) => {
      for (const bad of ['%', '%zz', '%4', '%ff', '%c3', '%ED%A0%80', `${'x'.repeat(3_000)}%`]) {
        for (const [method, suffix] of READS) {
          const answer = await api.call(method, `/v1/tasks/${bad}${suffix}`);
          if (method === 'GET') isProblem(t, answer, 'invalid-request', /%/, bad.slice(0, 10));
          else t.equal(answer.status, 400);
        }
        for (const [method, route, body] of WRITES) {
          const target = `/v1/tasks/${bad}${route}`;
          const answer = await api.call(method, target, { body, headers: json });
          isProblem(t, answer, 'invalid-request', /%/, `${method} ${bad.slice(0, 10)}${route}`);
        }
      }
    },

    'a Content-Type that is none is 415 on every write': async (t, api) => {
      for (const [method, route, body] of WRITES) {
        const path = api.path();
        await api.put(`${path}/result`, SUCCESS);
        const before = await api.get(path);
        const headers = { 'content-type': 'json' };
        const answer = await api.call(method, `${path}${route}`, { body: body || 'x', headers });
        isProblem(t, answer, 'media-type', /"json"/, `${method} ${route}`);
        t.equal((await api.get(path)).text, before.text, 'nothing changed');
      }
    },

    'a write from a page of another origin is 403, and nothing is stored': async (t, api) => {
      const host = `127.0.0.1:${api.service.port}`;
      const foreign = [
        'http://evil.example',
        'null',
        '',
        'http://127.0.0.1',
        `http://${host}.evil.example`,
        `http://${host}@evil.example`,
        `http://evil.example/${host}`,
        `http://${host}/`,
        `ftp://${host}`,
        'http://127.0.0.1:1',
        `https://${host}`,
        'chrome-extension://abc',
      ];
      for (const origin of foreign) {
        for (const [method, route, body] of WRITES) {
          const path = api.path();
          const headers = { ...json, origin };
          const answer = await api.call(method, `${path}${route}`, { body, headers });
          isProblem(t, answer, 'forbidden', /origin/, `${method} ${route} ${origin}`);
          t.equal((await api.get(path)).status, 404);
        }
        const kept = api.path();
        await api.put(`${kept}/result`, SUCCESS);
        await api.delete(kept, { origin });
        await api.consume(kept, { origin });
        const read = await api.get(`${kept}/result`, { origin });
        t.equal(read.text, SUCCESS, 'reads are not refused, and nothing was removed');
        t.equal(read.headers['access-control-allow-origin'], undefined);
      }
      for (const [origin, named] of [
        [`http://${host}`, host],
        ['http://example.com', 'example.com:80'],
        ['http://example.com:80', 'Example.com'],
      ] as const) {
        const answer = await api.put(`${api.path()}/result`, SUCCESS, { origin, host: named });
        t.equal(answer.status, 201, origin);
      }
      for (const [origin, named] of [
        ['http://example.com', 'example.com:443'],
        ['https://example.com', 'example.com'],
        ['https://example.com', 'example.com:443'],
      ] as const) {
        const answer = await api.put(`${api.path()}/result`, SUCCESS, { origin, host: named });
        isProblem(t, answer, 'forbidden', /TRUST_PROXY/, `${origin} at ${named}`);
      }
      const behind = await api.withOptions(t, { trustProxy: true });
      for (const [proto, status] of [
        ['https', 201],
        ['http', 403],
      ] as const) {
        const headers = { origin: 'https://example.com', host: 'example.com' };
        const forwarded = { ...headers, 'x-forwarded-proto': proto };
        const answer = await behind.put(`${behind.path()}/result`, SUCCESS, forwarded);
        t.equal(answer.status, status, `behind a proxy that is asked by ${proto}`);
      }
      const options = await api.call('OPTIONS', '/v1/tasks/a', { headers: { origin: 'http://x' } });
      t.ok(options.status >= 400, 'no preflight passes');
      t.equal(options.headers['access-control-allow-origin'], undefined);
    },

    'a value is shown cut at 100 characters': async (t, api) => {
      const path = api.path();
      const long = 'x'.repeat(4_000);
      const many = `{${Array.from({ length: 5_000 }, (_, index) => `"key-${index}":1`).join()}}`;
      for (const answer of [
        await api.get(`${path}?wait=${long}`),
        await api.get(`${path}?with_logs=${long}`),
        await api.put(`${path}/result?ttl=${long}`, SUCCESS),
        await api.put(`${path}/result`, SUCCESS, { 'if-match': long }),
        await api.put(`${path}/result`, SUCCESS, { 'content-type': `x/${long};;` }),
        await api.put(`${path}/result`, SUCCESS, { 'content-type': long }),
        await api.put(`${path}/status`, SUCCESS, { 'content-type': `text/${long}` }),
        await api.put(`${path}/result`, SUCCESS, { 'content-encoding': long }),
        await api.put(`${path}/result`, SUCCESS, { origin: `http://${long}` }),
        await api.put(`${path}/result`, { [long]: 1 }),
        await api.put(`${path}/result`, many),
        await api.put(`${path}/exception`, many),
        await api.put(`${path}/status`, many),
        await api.put(`${path}/expiry`, many),
        await api.put(`${path}/status`, { state: long }),
        await api.put(`${path}/expiry`, { ttl: long }),
        await api.put(`${path}/result`, `{"return_value":${long}}`),
        await api.consume(path, { 'idempotency-key': long }),
      ]) {
        if (answer.status < 400) continue;
        const { detail } = answer.json() as { detail: string };
        t.ok(detail.length < 2_000, `${detail.length}: ${detail.slice(0, 60)}`);
        t.notMatch(detail, /x{101}/);
      }
    },

    'a parameter that an operation does not know is refused, and nothing is done': async (
      t,
      api,
    ) => {
      const path = api.path();
      for (const [method, route, body] of WRITES) {
        const target = `${path}${route}?wiat=30s`;
        const answer = await api.call(method, target, { body, headers: json });
        isProblem(t, answer, 'invalid-parameter', /"wiat" is not known/, `${method} ${route}`);
      }
      t.equal((await api.get(path)).status, 404, 'nothing was stored');
      await api.put(`${path}/result`, SUCCESS);
      for (const [suffix, known] of [
        ['/result?with_log=true', /"with_log".*"wait", "with_logs", "pending"/],
        ['?wait=1s&Wait=1s', /"Wait".*"wait", "with_logs"/],
        ['/status?pending=error', /"pending".*"wait"$/],
        ['/exception?with_logs=true', /"with_logs".*"wait"$/],
        ['/events?state=SUCCESS', /"state".*"last_event_id"$/],
        ['/result?__proto__=1', /"__proto__"/],
        ['/result?=1', /""/],
        [`/result?${'x'.repeat(500)}=1`, /"x{100}…"/],
      ] as const) {
        isProblem(t, await api.get(path + suffix), 'invalid-parameter', known, suffix);
        t.equal((await api.head(path + suffix)).status, 400, `HEAD ${suffix}`);
      }
      for (const [method, target, known] of [
        ['GET', '/v1/tasks?status=SUCCESS', /"status".*"state", "updated_after"/],
        ['GET', '/v1/stats?state=SUCCESS', /"state".*takes none/],
        ['GET', '/v1/events?task=a', /"task".*"task_id", "state", "last_event_id"/],
        ['POST', '/v1/batch/get?with_logs=true', /"with_logs".*takes none/],
        ['POST', '/v1/batch/wait?wait=3s', /"wait".*takes none/],
        ['POST', '/v1/batch/set?ttl=7d', /"ttl".*takes none/],
        ['POST', '/v1/batch/delete?x=1', /"x".*takes none/],
      ] as const) {
        const answer = await api.call(method, target, { headers: json, body: '{"task_ids":[]}' });
        isProblem(t, answer, 'invalid-parameter', known, target);
      }
      for (const target of ['/livez?x=1', '/readyz?x=1', '/openapi.json?x=1', '/docs?x=1']) {
        t.equal((await api.get(target)).status, 200, target);
      }
    },

    'the page of the API is not kept; its assets are asked for anew': async (t, api) => {
      for (const target of [
        '/docs',
        '/docs/',
        '/docs/json',
        '/docs/static/swagger-initializer.js',
      ]) {
        const answer = await api.get(target);
        t.equal(answer.headers['cache-control'], 'no-store', target);
        isHeadOf(t, await api.head(target), answer, `HEAD ${target}`);
      }
      const target = '/docs/static/swagger-ui.css';
      const { headers } = await api.get(target);
      t.equal(headers['cache-control'], 'public, max-age=0');
      const again = await api.get(target, { 'if-none-match': headers.etag! });
      t.equal(again.status, 304);
    },
  },
};
