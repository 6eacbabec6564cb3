/** Waiting for a change: `If-None-Match` with a wait. */
import { hasReadHeaders, isHeadOf, isProblem, SUCCESS } from './expect.js';
import { AT_ONCE_MS, READS, timed, untilParked } from './parking.js';
import type { Api, Topic } from './topic.js';

const STALE = '"1700000000000-0123456789abcdef.op"';

async function started(api: Api): Promise<{ path: string; etag: string }> {
  const path = api.path();
  await api.put(`${path}/status`, { state: 'STARTED' });
  return { path, etag: (await api.get(path)).headers.etag! };
}

export const watching: Topic = {
  name: 'watching',
  cases: {
    'every change of the ETag ends the wait of every read': async (t, api) => {
      const changes: [name: string, change: (path: string) => Promise<unknown>, ready: boolean][] =
        [
          ['progress', (path) => api.put(`${path}/status`, { state: 'HALF' }), false],
          ['the same progress', (path) => api.put(`${path}/status`, { state: 'STARTED' }), false],
          ['an expiry', (path) => api.put(`${path}/expiry`, { ttl: '1h' }), false],
          ['an outcome', (path) => api.post(`${path}/result`, SUCCESS), true],
        ];
      for (const [name, change, ready] of changes) {
        const { path, etag } = await started(api);
        const headers = { 'if-none-match': `"other", W/${etag}` };
        const reads = READS.map(([method, suffix]) =>
          api.call(method, `${path}${suffix}?wait=30s`, { headers }),
        );
        await untilParked(api, READS.length, path);
        await change(path);
        const answers = await Promise.all(reads);
        const now = await api.get(path);
        for (const [index, answer] of answers.entries()) {
          const [method, suffix] = READS[index]!;
          const plain = await api.call(method, `${path}${suffix}`);
          t.equal(answer.status, plain.status, `${name}: ${method} ${suffix}`);
          t.equal(answer.text, plain.text);
          t.equal(answer.headers.etag, now.headers.etag);
          t.not(answer.headers.etag, etag);
          if (answer.status === 202) t.equal(answer.headers['retry-after'], '0');
        }
        t.equal(answers[2]?.status, ready ? 200 : 202);
      }
    },

    'a ready task is watched on: 304 at the deadline, 200 on a change': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, SUCCESS);
      const headers = { 'if-none-match': (await api.get(path)).headers.etag! };
      const long = api.get(`${path}/status?wait=30s`, headers);
      const shorts = await Promise.all(
        READS.map(([method, suffix]) =>
          timed(api.call(method, `${path}${suffix}?wait=320ms`, { headers })),
        ),
      );
      for (const { answer, ms } of shorts) {
        t.equal(answer.status, 304);
        t.equal(answer.text, '');
        hasReadHeaders(t, answer, 'SUCCESS');
        t.equal(answer.headers.etag, headers['if-none-match']);
        t.ok(ms >= 200, `${ms} ms`);
      }
      isHeadOf(t, shorts[1]!.answer, shorts[0]!.answer, 'HEAD of 304');
      await untilParked(api, 1, path);
      await api.put(`${path}/status`, { state: 'HALF' });
      t.equal((await long).status, 200);
    },

    'by Prefer it is the same, and 304 says what was applied': async (t, api) => {
      const own = await api.withOptions(t, { maxWaitMs: 300 });
      const { path, etag } = await started(own);
      const headers = { 'if-none-match': etag, prefer: 'wait=30' };
      const { answer, ms } = await timed(own.get(`${path}/status`, headers));
      t.equal(answer.status, 304);
      t.equal(answer.headers['preference-applied'], 'wait=0', 'in whole seconds');
      t.ok(ms >= 200, `${ms} ms`);
    },

    'another version is answered at once': async (t, api) => {
      const { path } = await started(api);
      for (const [method, suffix] of READS) {
        const headers = { 'if-none-match': STALE };
        const { answer, ms } = await timed(
          api.call(method, `${path}${suffix}?wait=30s`, { headers }),
        );
        t.ok(ms < AT_ONCE_MS, `${method} ${suffix}`);
        t.ok([200, 202].includes(answer.status));
        hasReadHeaders(t, answer, 'STARTED');
      }
    },

    'an unknown task is 404 at once': async (t, api) => {
      for (const [method, suffix] of READS) {
        const headers = { 'if-none-match': STALE };
        const { answer, ms } = await timed(
          api.call(method, `${api.path()}${suffix}?wait=30s`, { headers }),
        );
        t.ok(ms < AT_ONCE_MS, `${method} ${suffix}`);
        t.equal(answer.status, 404);
        if (method === 'GET') isProblem(t, answer, 'task-unknown');
      }
    },

    'If-None-Match: * with a wait is 400; without one it is not': async (t, api) => {
      const { path } = await started(api);
      for (const target of [path, api.path()]) {
        for (const suffix of ['', '/result', '/exception', '/status']) {
          const star = { 'if-none-match': '*' };
          const query = await api.get(`${target}${suffix}?wait=1s`, star);
          isProblem(t, query, 'invalid-parameter', /If-None-Match/);
          const header = await api.get(`${target}${suffix}`, { ...star, prefer: 'wait=1' });
          isProblem(t, header, 'invalid-parameter', /If-None-Match/);
          const none = await api.get(`${target}${suffix}?wait=0`, star);
          t.equal(none.status, target === path ? 304 : 404);
        }
      }
    },

    'a malformed If-None-Match is 400, wait or not': async (t, api) => {
      const { path } = await started(api);
      const headers = { 'if-none-match': 'x' };
      isProblem(t, await api.get(`${path}?wait=30s`, headers), 'invalid-parameter');
      isProblem(t, await api.get(path, headers), 'invalid-parameter');
    },

    'the watcher of a version follows a task through all its changes': async (t, api) => {
      const path = api.path();
      await api.post(`${path}/status`, { state: 'PENDING' });
      const seen: string[] = [];
      let { etag = '' } = (await api.get(path)).headers;
      const steps = ['STARTED', 'HALF', 'DONE'];
      for (const state of steps) {
        const wait = api.get(`${path}/status?wait=30s`, { 'if-none-match': etag });
        await untilParked(api, 1, path);
        await api.put(`${path}/status`, { state });
        const answer = await wait;
        seen.push(answer.headers['task-state']!);
        etag = answer.headers.etag!;
      }
      t.same(seen, steps);
    },
  },
};
