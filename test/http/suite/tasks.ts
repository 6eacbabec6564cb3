/** A task as a whole: `GET`, `HEAD` and `DELETE /v1/tasks/{task_id}`, and the ids themselves. */
import { FAILURE, hasReadHeaders, isHeadOf, isProblem, isView, LOGGED, SUCCESS } from './expect.js';
import type { Topic } from './topic.js';

export const tasks: Topic = {
  name: 'tasks',
  cases: {
    'GET embeds the outcome, its log only when asked for': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      await api.put(`${path}/status`, '{"state":"STARTED","meta":{"n":1.0}}');
      await api.put(`${path}/result`, LOGGED);
      const view = {
        taskId,
        state: 'SUCCESS',
        isErr: false,
        progress: '{"state":"STARTED","meta":{"n":1.0}}',
        size: SUCCESS.length,
        executionTime: '0.12',
      };
      const answer = await api.get(path);
      t.equal(answer.status, 200);
      t.equal(answer.headers['content-type'], 'application/json');
      hasReadHeaders(t, answer, 'SUCCESS');
      isView(t, answer, { ...view, embedded: `,"outcome":${SUCCESS}` });
      isHeadOf(t, await api.head(path), answer, 'HEAD');
      const logged = await api.get(`${path}?with_logs=true`);
      isView(t, logged, { ...view, embedded: `,"outcome":${LOGGED}` });
      isHeadOf(t, await api.head(`${path}?with_logs=true`), logged, 'HEAD with logs');
      isProblem(t, await api.get(`${path}?with_logs=maybe`), 'invalid-parameter', /with_logs/);
    },

    'one ETag for all four reads of a task': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, FAILURE);
      const etags = new Set<string | undefined>();
      for (const suffix of ['', '/result', '/exception', '/status']) {
        etags.add((await api.get(`${path}${suffix}`)).headers.etag);
        etags.add((await api.head(`${path}${suffix}`)).headers.etag);
      }
      t.equal(etags.size, 1, [...etags].join(' '));
    },

    'reading changes nothing': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/status`, { state: 'STARTED' });
      const before = await api.get(path);
      for (const suffix of ['', '/result', '/exception', '/status']) {
        for (const method of ['GET', 'HEAD']) await api.call(method, `${path}${suffix}`);
      }
      const after = await api.get(path);
      t.equal(after.text, before.text);
      t.equal(after.headers.etag, before.headers.etag);
    },

    'DELETE removes outcome, log and progress: 204, then 404': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/status`, { state: 'STARTED' });
      await api.put(`${path}/result`, LOGGED);
      const etag = (await api.get(path)).headers.etag;
      const answer = await api.delete(path);
      t.equal(answer.status, 204);
      t.equal(answer.text, '');
      t.equal(answer.headers['task-state'], 'UNKNOWN');
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(answer.headers['task-version'], undefined);
      for (const suffix of ['', '/result?with_logs=true', '/exception', '/status']) {
        isProblem(t, await api.get(`${path}${suffix}`), 'task-unknown');
      }
      const again = await api.delete(path);
      isProblem(t, again, 'task-unknown');
      t.equal(again.headers['task-state'], 'UNKNOWN');
      await api.put(`${path}/result`, SUCCESS);
      const fresh = await api.get(`${path}/result?with_logs=true`);
      t.equal(fresh.text, SUCCESS, 'the log of the deleted one does not come back');
      t.not(fresh.headers.etag, etag);
    },

    'DELETE removes a task that is not ready, too': async (t, api) => {
      const path = api.path();
      await api.post(`${path}/status`, { state: 'PENDING' });
      t.equal((await api.delete(path)).status, 204);
      t.equal((await api.get(path)).status, 404);
    },

    'every allowed character makes an id, encoded or not; the longest has 255': async (t, api) => {
      const ids = [
        'a',
        '...',
        '.a',
        '-',
        '~',
        '__proto__',
        'constructor',
        'AZaz09._~:@+=-',
        'result',
        'x'.repeat(255),
      ];
      for (const id of ids) {
        const path = `/v1/tasks/${id}`;
        const stored = await api.put(`${path}/result`, SUCCESS);
        t.equal(stored.status, 201, id);
        t.equal(stored.headers.location, `${path}/result`);
        t.equal(stored.json().task_id, id);
        const encoded = [...id].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
        const read = await api.get(`/v1/tasks/${encoded}`);
        t.equal(read.status, 200, `${id}, percent-encoded`);
        t.equal(read.json().task_id, id);
      }
      t.equal((await api.get('/v1/tasks/A')).status, 404, 'letters have a case');
    },
  },
};
