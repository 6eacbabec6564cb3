/** Times to live: `?ttl=` on writes, `PUT …/expiry`, and what is left when they have passed. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../support/service.js';
import {
  DAY_MS,
  ERROR,
  FAILURE,
  hasReadHeaders,
  hasWriteHeaders,
  isProblem,
  isSuccessView,
  isView,
  SUCCESS,
  TOLERANCE_MS,
} from './expect.js';
import type { Api, Topic } from './topic.js';

const HOUR_MS = 3_600_000;

/** Every write that takes `?ttl=`. */
const WRITES: readonly [method: 'post' | 'put', route: string, body: string][] = [
  ['post', 'result', SUCCESS],
  ['put', 'result', SUCCESS],
  ['post', 'exception', ERROR],
  ['put', 'exception', ERROR],
  ['post', 'status', '{"state":"STARTED"}'],
  ['post', 'status', '{"state":"PENDING"}'],
  ['put', 'status', '{"state":"STARTED"}'],
];

/** Milliseconds from now until the time that a view says; undefined for never. */
function left(answer: Answer): number | undefined {
  const { expires_at: at } = answer.json();
  return at === null ? undefined : Date.parse(String(at)) - Date.now();
}

/** Waits until the instant at which a view says that the task expires has passed. */
async function pastExpiry(answer: Answer): Promise<void> {
  const at = Date.parse(String(answer.json().expires_at));
  while (Date.now() <= at + 1) await delay(Math.max(1, at + 2 - Date.now()));
}

export const expiry: Topic = {
  name: 'expiry',
  cases: {
    'every write takes a ttl, in every unit': async (t, api) => {
      const ttls: [text: string, ms: number | undefined][] = [
        ['90', 90_000],
        ['90000ms', 90_000],
        ['90s', 90_000],
        ['3m', 180_000],
        ['36h', 36 * HOUR_MS],
        ['7d', 7 * DAY_MS],
        ['999999999d', 36_500 * DAY_MS],
        ['never', undefined],
        ['007d', 7 * DAY_MS],
      ];
      for (const [method, route, body] of WRITES) {
        for (const [ttl, ms] of ttls) {
          const answer = await api[method](`${api.path()}/${route}?ttl=${ttl}`, body);
          t.equal(answer.status, 201);
          const off = (left(answer) ?? 0) - (ms ?? 0);
          t.equal(left(answer) === undefined, ms === undefined, `${route} ${ttl}`);
          t.ok(Math.abs(off) < TOLERANCE_MS, `${method} ${route} ${ttl} is off by ${off} ms`);
        }
      }
    },

    'a bad ttl is 400 on every write, and nothing is stored': async (t, api) => {
      const bad = ['', '0', '0ms', '0d', '000', '-1', '1.5', '1w', '1 s', 'Never', '1e3', '7D'];
      bad.push('1000000000', '٣', '1s&ttl=1s', 'x'.repeat(3_000));
      for (const [method, route, body] of WRITES) {
        for (const ttl of bad) {
          const path = api.path();
          const query = ttl.includes('&') ? ttl : encodeURIComponent(ttl);
          const answer = await api[method](`${path}/${route}?ttl=${query}`, body);
          isProblem(t, answer, 'invalid-parameter', /ttl/, `${route} ${ttl.slice(0, 20)}`);
          t.equal((await api.get(path)).status, 404);
        }
      }
    },

    'each kind of record has its own default': async (t, api) => {
      const own = await api.withOptions(t, {
        resultTtlMs: HOUR_MS,
        failureTtlMs: 2 * HOUR_MS,
        progressTtlMs: 3 * HOUR_MS,
      });
      const near = (answer: Answer, hours: number): void => {
        t.ok(Math.abs((left(answer) ?? 0) - hours * HOUR_MS) < TOLERANCE_MS, `${hours} h`);
      };
      near(await own.post(`${own.path()}/result`, SUCCESS), 1);
      near(await own.post(`${own.path()}/result`, FAILURE), 2);
      near(await own.post(`${own.path()}/exception`, ERROR), 2);
      near(await own.post(`${own.path()}/status`, { state: 'A' }), 3);
      const opaque = { body: 'x', headers: { 'content-type': 'image/png' } };
      near(await own.call('PUT', `${own.path()}/result`, opaque), 1);
      near(await own.call('PUT', `${own.path()}/result?is_err=true`, opaque), 2);
    },

    'above the maximum, never and the defaults too, it is clamped': async (t, api) => {
      const own = await api.withOptions(t, { maxTtlMs: HOUR_MS });
      const near = (answer: Answer, message: string): void => {
        t.ok(Math.abs((left(answer) ?? 0) - HOUR_MS) < TOLERANCE_MS, message);
      };
      for (const [method, route, body] of WRITES) {
        for (const query of ['', '?ttl=2h', '?ttl=never', '?ttl=999999999d']) {
          near(await own[method](`${own.path()}/${route}${query}`, body), `${route}${query}`);
        }
      }
      const path = own.path();
      await own.put(`${path}/result?ttl=1m`, SUCCESS);
      for (const ttl of ['2h', 'never', 7_200]) {
        near(await own.put(`${path}/expiry`, { ttl }), `expiry ${ttl}`);
      }
    },

    'PUT expiry moves the expiry of every live record': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.put(`${path}/status`, { state: 'A' });
      await api.put(`${path}/result`, SUCCESS);
      const ttls: [body: string, ttlMs: number | null][] = [
        ['{"ttl":"7d"}', 7 * DAY_MS],
        [' { "ttl" : 90 } ', 90_000],
        ['{"ttl":"90000ms"}', 90_000],
        ['{"ttl":"90"}', 90_000],
        ['{"ttl":"never"}', null],
        ['{"ttl":"n\\u0065ver"}', null],
        ['{"ttl":"1h"}', HOUR_MS],
      ];
      for (const [body, ttlMs] of ttls) {
        const answer = await api.put(`${path}/expiry`, body);
        t.equal(answer.status, 200, body);
        hasWriteHeaders(t, answer, 'SUCCESS');
        isView(t, answer, {
          taskId,
          state: 'SUCCESS',
          isErr: false,
          progress: '{"state":"A","meta":null}',
          size: SUCCESS.length,
          executionTime: '0.12',
          ttlMs,
        });
      }
      t.equal((await api.get(`${path}/result`)).text, SUCCESS);
      const unknown = await api.put(`${api.path()}/expiry`, { ttl: '1h' });
      isProblem(t, unknown, 'task-unknown');
      t.equal(unknown.headers['task-state'], 'UNKNOWN');
    },

    'a bad expiry is refused by name, and nothing changes': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, SUCCESS);
      const before = await api.get(path);
      const bad: [body: string, detail: RegExp][] = [
        ['', /empty/],
        ['{}', /ttl/],
        ['"7d"', /string/],
        ['[]', /array/],
        ['{"ttl":0}', /ttl.*0/],
        ['{"ttl":"0"}', /ttl/],
        ['{"ttl":"0ms"}', /ttl/],
        ['{"ttl":-1}', /ttl.*-1/],
        ['{"ttl":1.5}', /ttl.*1\.5/],
        ['{"ttl":1e3}', /ttl.*1e3/],
        ['{"ttl":"soon"}', /ttl.*soon/],
        ['{"ttl":""}', /ttl/],
        ['{"ttl":null}', /ttl.*null/],
        ['{"ttl":true}', /ttl.*true/],
        ['{"ttl":["7d"]}', /ttl/],
        ['{"ttl":{"d":7}}', /ttl/],
        ['{"ttl":10000000000}', /ttl/],
        ['{"ttl":"7d","ttl":"7d"}', /ttl.*twice/],
        ['{"ttl":"7d","also":1}', /also/],
        ['{"tll":"7d"}', /tll/],
        [`{"ttl":"${'9'.repeat(2_000)}"}`, /9{90}/],
      ];
      for (const [body, detail] of bad) {
        isProblem(t, await api.put(`${path}/expiry`, body), 'invalid-body', detail, body);
      }
      t.equal((await api.get(path)).text, before.text);
    },

    'progress never outlives an outcome': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.put(`${path}/status?ttl=never`, { state: 'A' });
      const shorter = await api.put(`${path}/result?ttl=1h`, SUCCESS);
      isView(t, shorter, {
        taskId,
        state: 'SUCCESS',
        isErr: false,
        progress: '{"state":"A","meta":null}',
        size: SUCCESS.length,
        executionTime: '0.12',
        ttlMs: HOUR_MS,
      });
      const later = await api.put(`${path}/status?ttl=7d`, { state: 'B' });
      t.ok(Math.abs((left(later) ?? 0) - HOUR_MS) < TOLERANCE_MS, 'expires_at is the outcome’s');
    },

    'an expired task is unknown at once, to every route': async (t, api) => {
      const make = async (own: Api): Promise<[string, Answer]> => {
        const path = own.path();
        await own.put(`${path}/status?ttl=150ms`, { state: 'A' });
        return [path, await own.put(`${path}/result?ttl=150ms`, SUCCESS)];
      };
      const tasks = await Promise.all(Array.from({ length: 5 }, () => make(api)));
      for (const [, answer] of tasks) await pastExpiry(answer);
      const [[read], [removed], [consumed], [moved], [posted]] = tasks as [
        [string, Answer],
        [string, Answer],
        [string, Answer],
        [string, Answer],
        [string, Answer],
      ];
      for (const suffix of ['', '/result', '/status', '/exception']) {
        isProblem(t, await api.get(`${read}${suffix}`), 'task-unknown');
      }
      isProblem(t, await api.delete(removed), 'task-unknown');
      isProblem(t, await api.consume(consumed), 'task-unknown');
      isProblem(t, await api.put(`${moved}/expiry`, { ttl: '1h' }), 'task-unknown');
      const again = await api.post(`${posted}/result`, SUCCESS);
      t.equal(again.status, 201, 'its place is free again');
      isSuccessView(t, again, posted.slice('/v1/tasks/'.length));
    },

    'the ETag changes when the progress expires: op, then o': async (t, api) => {
      const path = api.path();
      const progress = await api.put(`${path}/status?ttl=4s`, { state: 'A' });
      await api.put(`${path}/result`, SUCCESS);
      const both = await api.get(`${path}/status`);
      t.match(both.headers.etag, /\.op"$/);
      await pastExpiry(progress);
      const known = { 'if-none-match': both.headers.etag! };
      const alone = await api.get(`${path}/status`, known);
      t.equal(alone.status, 200, 'what the client knows is no longer so');
      hasReadHeaders(t, alone, 'SUCCESS');
      t.equal(alone.headers.etag, both.headers.etag?.replace('.op"', '.o"'));
      t.equal(alone.json().progress, null);
      const stale = await api.put(`${path}/result`, FAILURE, { 'if-match': both.headers.etag! });
      isProblem(t, stale, 'version-mismatch');
      const fresh = await api.put(`${path}/result`, FAILURE, { 'if-match': alone.headers.etag! });
      t.equal(fresh.status, 200);
    },
  },
};
