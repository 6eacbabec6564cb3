/** `POST`, `PUT`, `GET` and `HEAD` of `…/status`: progress, and what is shown of a task. */
import {
  hasReadHeaders,
  hasWriteHeaders,
  isExactly,
  isHeadOf,
  isProblem,
  isSuccessView,
  isView,
  SUCCESS,
} from './expect.js';
import type { Topic } from './topic.js';

export const statuses: Topic = {
  name: 'statuses',
  cases: {
    'PUT and POST are 201, then 200, and the view shows what was written': async (t, api) => {
      for (const method of ['put', 'post'] as const) {
        const taskId = api.taskId();
        const path = `/v1/tasks/${taskId}`;
        const first = await api[method](`${path}/status`, '{"state":"STARTED"}');
        t.equal(first.status, 201);
        hasWriteHeaders(t, first, 'STARTED', `${path}/status`);
        isView(t, first, {
          taskId,
          state: 'STARTED',
          progress: '{"state":"STARTED","meta":null}',
        });
        const meta = '{ "done": 3.0, "done": 1e400,"__proto__":[ ] }';
        const second = await api[method](`${path}/status`, ` {"meta" : ${meta} ,"state":"RETRY"}`);
        t.equal(second.status, 200);
        hasWriteHeaders(t, second, 'RETRY');
        const expected = {
          taskId,
          state: 'RETRY',
          progress: `{"state":"RETRY","meta":${meta}}`,
        };
        isView(t, second, expected);
        const read = await api.get(`${path}/status`);
        t.equal(read.status, 200);
        t.equal(read.headers['content-type'], 'application/json');
        hasReadHeaders(t, read, 'RETRY');
        isView(t, read, expected);
        isHeadOf(t, await api.head(`${path}/status`), read, `HEAD after ${method}`);
        isExactly(t, (await api.get(path)).body, read.body, 'the task without an outcome');
      }
    },

    'POST with PENDING registers: it changes nothing where any record exists': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const pending = '{"state":"PENDING","meta":{"by":"a"}}';
      const first = await api.post(`${path}/status`, pending);
      t.equal(first.status, 201);
      for (const body of [pending, '{"state":"PENDING"}', '{"state":"\\u0050ENDING"}']) {
        const again = await api.post(`${path}/status?ttl=1h`, body);
        t.equal(again.status, 200);
        t.equal(again.text, first.text, 'neither content nor version nor expiry');
        hasWriteHeaders(t, again, 'PENDING');
      }
      await api.put(`${path}/status`, { state: 'STARTED' });
      const started = await api.get(`${path}/status`);
      t.equal((await api.post(`${path}/status`, pending)).text, started.text);

      await api.put(`${path}/result`, SUCCESS);
      const ready = await api.get(`${path}/status`);
      const late = await api.post(`${path}/status`, pending);
      t.equal(late.status, 200);
      t.equal(late.text, ready.text);
      hasWriteHeaders(t, late, 'SUCCESS');

      const outcomeOnly = api.path();
      await api.post(`${outcomeOnly}/result`, SUCCESS);
      const lateToo = await api.post(`${outcomeOnly}/status`, pending);
      t.equal(lateToo.status, 200);
      t.equal(lateToo.json().progress, null, 'an outcome is a record as well');

      const put = await api.put(`${path}/status`, pending);
      t.equal(put.status, 200);
      t.same(put.json().progress, JSON.parse(pending), 'PUT with PENDING sets it');
    },

    'progress never makes a task ready, nor a ready one unready': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.put(`${path}/status`, { state: 'SUCCESS' });
      t.equal((await api.get(`${path}/result`)).status, 202);
      t.equal((await api.get(`${path}/exception`)).status, 202);
      const seen = await api.get(`${path}/status`);
      hasReadHeaders(t, seen, 'STARTED');
      isView(t, seen, {
        taskId,
        state: 'STARTED',
        progress: '{"state":"SUCCESS","meta":null}',
      });
      await api.put(`${path}/result`, SUCCESS);
      const after = await api.put(`${path}/status`, { state: 'RETRY', meta: 2 });
      t.equal(after.status, 200);
      hasWriteHeaders(t, after, 'SUCCESS');
      isView(t, after, {
        taskId,
        state: 'SUCCESS',
        isErr: false,
        progress: '{"state":"RETRY","meta":2}',
        size: SUCCESS.length,
        executionTime: '0.12',
      });
      t.equal((await api.get(`${path}/result`)).text, SUCCESS);
      t.match(after.headers['task-version'], /\.op$/);
    },

    'Task-State is percent-encoded UTF-8 outside ! to ~ and for %': async (t, api) => {
      const states: [state: string, header: string][] = [
        ['50%', '50%25'],
        ['half way', 'half%20way'],
        ['läuft', 'l%C3%A4uft'],
        ['進行中', '%E9%80%B2%E8%A1%8C%E4%B8%AD'],
        ['😀!~', '%F0%9F%98%80!~'],
        ['"a,b;c"', '"a,b;c"'],
        ['\u00a0\u2028', '%C2%A0%E2%80%A8'],
        ['x'.repeat(64), 'x'.repeat(64)],
        ['😀'.repeat(64), '%F0%9F%98%80'.repeat(64)],
      ];
      for (const [state, header] of states) {
        const taskId = api.taskId();
        const path = `/v1/tasks/${taskId}`;
        const written = await api.put(`${path}/status`, { state });
        hasWriteHeaders(t, written, header, `${path}/status`);
        const progress = `{"state":${JSON.stringify(state)},"meta":null}`;
        isView(t, written, { taskId, state, progress });
        for (const suffix of ['/status', '/result', '/exception', '']) {
          hasReadHeaders(t, await api.get(`${path}${suffix}`), header);
          hasReadHeaders(t, await api.head(`${path}${suffix}`), header);
        }
      }
    },

    'what is no status is refused by name, and nothing is stored': async (t, api) => {
      const bodies: [body: string, detail: RegExp][] = [
        ['', /empty/],
        ['[]', /array/],
        ['{}', /state/],
        ['{"meta":1}', /state/],
        ['{"state":5}', /number/],
        ['{"state":null}', /null/],
        ['{"state":""}', /1 to 64/],
        [JSON.stringify({ state: 'x'.repeat(65) }), /1 to 64.*/],
        [JSON.stringify({ state: '😀'.repeat(65) }), /1 to 64/],
        ['{"state":"a\\nb"}', /control/],
        ['{"state":"a\\u0000b"}', /control/],
        ['{"state":"\\u007f"}', /control/],
        ['{"state":"\\u0085"}', /control/],
        ['{"state":"\\ud800"}', /surrogate/],
        ['{"state":"A","state":"B"}', /state.*twice/],
        ['{"state":"A","meta":1,"meta":2}', /meta.*twice/],
        ['{"state":"A","meat":1}', /meat/],
        ['{"state":"A","meta":NaN}', /NaN/],
        ['{"state":"A","meta":}', /byte/],
        [`{"state":"A","meta":${'['.repeat(1_000)}${']'.repeat(1_000)}}`, /1000 levels/],
      ];
      for (const [body, detail] of bodies) {
        for (const method of ['post', 'put'] as const) {
          const path = api.path();
          const answer = await api[method](`${path}/status`, body);
          isProblem(t, answer, 'invalid-body', detail, `${method} ${body.slice(0, 60)}`);
          t.equal((await api.get(path)).status, 404, 'nothing was stored');
        }
      }
    },

    'progress above its limit is 413 wherever it comes in, and nothing is stored': async (
      t,
      api,
    ) => {
      const own = await api.withOptions(t, { maxProgressBytes: 100 });
      // {"state":"S","meta":""} has 23 bytes.
      const sized = (bytes: number): string => `{"state":"S","meta":"${'x'.repeat(bytes - 23)}"}`;
      const said = /101 bytes, and the limit is 100: report less.*RESULTD_PROGRESS_LIMIT/;
      for (const method of ['post', 'put'] as const) {
        const path = own.path();
        isProblem(t, await own[method](`${path}/status`, sized(101)), 'too-large', said, method);
        t.equal((await own.get(path)).status, 404, 'nothing was stored');
        t.equal((await own[method](`${path}/status`, ` ${sized(100)} `)).status, 201);
      }
      const items = [101, 100].map((size) => {
        return `{"task_id":"${own.taskId()}","progress":${sized(size)}}`;
      });
      const list = await own.post('/v1/batch/set', `{"items":[${items.join(',')}]}`);
      t.match(list.json().items, [{ code: 413, problem: { detail: said } }, { code: 201 }]);
      const headers = { 'content-type': 'application/x-ndjson' };
      const body = items.join('\n');
      const { text } = await own.call('POST', '/v1/batch/set', { headers, body });
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      t.match(lines, [{ code: 413, problem: { detail: said } }, { code: 200 }]);
    },

    'the view of a task with an outcome alone': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.post(`${path}/result`, SUCCESS);
      const answer = await api.get(`${path}/status`);
      isSuccessView(t, answer, taskId);
      hasReadHeaders(t, answer, 'SUCCESS');
      t.match(answer.headers.etag, /\.o"$/);
    },
  },
};
