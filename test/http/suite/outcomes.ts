/** `POST`, `PUT`, `GET` and `HEAD` of `…/result`, with JSON. */
import {
  ERROR,
  FAILURE,
  hasReadHeaders,
  hasWriteHeaders,
  isExactly,
  isHeadOf,
  isProblem,
  isSuccessView,
  isView,
  LOGGED,
  OTHER,
  SUCCESS,
} from './expect.js';
import type { Topic } from './topic.js';

export const outcomes: Topic = {
  name: 'outcomes',
  cases: {
    'POST of the first outcome answers 201 with the view and where to read it': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const answer = await api.post(`${path}/result`, SUCCESS);
      t.equal(answer.status, 201);
      t.equal(answer.headers['content-type'], 'application/json');
      hasWriteHeaders(t, answer, 'SUCCESS', `${path}/result`);
      isSuccessView(t, answer, taskId);
    },

    'POST of the same outcome is a retry: 200, and neither version nor expiry change': async (
      t,
      api,
    ) => {
      const path = api.path();
      const first = await api.post(`${path}/result?ttl=1h`, SUCCESS);
      const spaced =
        ' { "error" : null, "labels":{"queue":"q"},\n"execution_time":0.12,"return_value":{"sum":3} } ';
      for (const [query, body] of [
        ['', SUCCESS],
        ['?ttl=2h', SUCCESS],
        ['?ttl=never', SUCCESS],
        ['', spaced],
      ] as const) {
        const again = await api.post(`${path}/result${query}`, body);
        t.equal(again.status, 200, `${query} ${body.slice(0, 10)}`);
        t.equal(again.text, first.text, 'the view is the same, byte for byte');
        hasWriteHeaders(t, again, 'SUCCESS');
        t.equal(again.headers['task-version'], first.headers['task-version']);
      }
    },

    'POST of another outcome is 409, and the first one stays': async (t, api) => {
      const path = api.path();
      await api.post(`${path}/result`, LOGGED);
      const before = await api.get(path);
      const others = [
        OTHER,
        FAILURE,
        SUCCESS, // without the log
        LOGGED.replace('two', 'three'),
        LOGGED.replace('0.12', '0.120'), // another spelling is other bytes
        LOGGED.replace('{"sum":3}', '{"sum": 3}'),
      ];
      for (const body of others) {
        const answer = await api.post(`${path}/result`, body);
        isProblem(t, answer, 'outcome-conflict', /SUCCESS.*PUT/s);
        t.equal(answer.headers['task-state'], 'SUCCESS');
      }
      const after = await api.get(path);
      t.equal(after.text, before.text);
      t.equal(after.headers.etag, before.headers.etag);
    },

    'PUT answers 201, then 200, and replaces': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const first = await api.put(`${path}/result`, OTHER);
      t.equal(first.status, 201);
      hasWriteHeaders(t, first, 'SUCCESS', `${path}/result`);
      const second = await api.put(`${path}/result`, FAILURE);
      t.equal(second.status, 200);
      hasWriteHeaders(t, second, 'FAILURE');
      t.not(second.headers['task-version'], first.headers['task-version']);
      isView(t, second, {
        taskId,
        state: 'FAILURE',
        isErr: true,
        size: FAILURE.length,
        executionTime: '0.0',
      });
      t.equal((await api.get(`${path}/result`)).text, FAILURE);
      const same = await api.put(`${path}/result`, FAILURE);
      t.equal(same.status, 200);
      t.not(
        same.headers['task-version'],
        second.headers['task-version'],
        'an unconditional PUT is a write, even of the same outcome',
      );
    },

    'GET answers the stored bytes, success and failure alike': async (t, api) => {
      for (const [body, state] of [
        [SUCCESS, 'SUCCESS'],
        [FAILURE, 'FAILURE'],
      ] as const) {
        const path = api.path();
        const stored = await api.put(`${path}/result`, body);
        const answer = await api.get(`${path}/result`);
        t.equal(answer.status, 200);
        t.equal(answer.headers['content-type'], 'application/json');
        t.equal(answer.headers['content-length'], String(body.length));
        t.equal(answer.headers.etag, `"${stored.headers['task-version']}"`);
        t.equal(answer.headers['content-disposition'], undefined);
        hasReadHeaders(t, answer, state);
        isExactly(t, answer.body, body, state);
        isHeadOf(t, await api.head(`${path}/result`), answer, `HEAD of a ${state}`);
      }
    },

    'the log comes only with ?with_logs=true': async (t, api) => {
      const path = api.path();
      await api.post(`${path}/result`, LOGGED);
      const withLog = await api.get(`${path}/result?with_logs=true`);
      t.equal(withLog.text, LOGGED);
      const head = await api.head(`${path}/result?with_logs=true`);
      t.equal(head.status, 200);
      t.equal(head.headers.etag, withLog.headers.etag);
      for (const query of ['', '?with_logs=false']) {
        t.equal((await api.get(`${path}/result${query}`)).text, SUCCESS, query);
      }
      for (const value of ['', '1', 'TRUE', 'yes', 'true&with_logs=true']) {
        const answer = await api.get(`${path}/result?with_logs=${value}`);
        isProblem(t, answer, 'invalid-parameter', /with_logs/);
      }
    },

    'GET of a task that is not ready is 202 with its view; with pending=error, 409': async (
      t,
      api,
    ) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.put(`${path}/status`, '{"state":"STARTED","meta":[1.0]}');
      const answer = await api.get(`${path}/result`);
      t.equal(answer.status, 202);
      t.equal(answer.headers.location, `${path}/status`);
      t.equal(answer.headers['retry-after'], '1');
      t.equal(answer.headers['content-type'], 'application/json');
      hasReadHeaders(t, answer, 'STARTED');
      isView(t, answer, { taskId, state: 'STARTED', progress: '{"state":"STARTED","meta":[1.0]}' });
      isHeadOf(t, await api.head(`${path}/result`), answer, 'HEAD of 202');

      const refused = await api.get(`${path}/result?pending=error`);
      isProblem(t, refused, 'not-ready', /STARTED/);
      t.equal(refused.headers['task-state'], 'STARTED');
      isHeadOf(t, await api.head(`${path}/result?pending=error`), refused, 'HEAD of 409');
      isProblem(t, await api.get(`${path}/result?pending=yes`), 'invalid-parameter', /pending/);

      await api.post(`${path}/result`, SUCCESS);
      t.equal((await api.get(`${path}/result?pending=error`)).text, SUCCESS);
    },

    'GET of an unknown task is 404': async (t, api) => {
      for (const suffix of ['/result', '/result?pending=error', '/exception', '/status', '']) {
        const path = api.path();
        const answer = await api.get(`${path}${suffix}`);
        isProblem(t, answer, 'task-unknown', /task-\d+/);
        t.equal(answer.headers['task-state'], 'UNKNOWN');
        t.equal(answer.headers.etag, undefined);
        isHeadOf(t, await api.head(`${path}${suffix}`), answer, `HEAD ${suffix}`);
      }
    },

    'Prefer: return=minimal empties the answer of a write, and only that': async (t, api) => {
      const path = api.path();
      const prefer = { prefer: 'respond-async, RETURN="minimal"' };
      const writes = [
        () => api.post(`${path}/result`, SUCCESS, prefer),
        () => api.put(`${path}/result`, SUCCESS, prefer),
        () => api.put(`${path}/exception`, ERROR, prefer),
        () => api.put(`${path}/status`, { state: 'STARTED' }, prefer),
        () => api.put(`${path}/expiry`, { ttl: 60 }, prefer),
      ];
      for (const write of writes) {
        const answer = await write();
        t.ok([200, 201].includes(answer.status), `${answer.status}`);
        t.equal(answer.text, '');
        t.equal(answer.headers['content-length'], '0');
        t.equal(answer.headers['preference-applied'], 'return=minimal');
        t.ok(answer.headers['task-version']);
      }
      const whole = await api.put(`${path}/result`, SUCCESS, { prefer: 'return=representation' });
      t.equal(whole.json().state, 'SUCCESS');
      t.equal(whole.headers['preference-applied'], undefined);
      t.equal((await api.get(`${path}/result`, prefer)).text, SUCCESS, 'reads are not emptied');
    },
  },
};
