/** Waiting until a task is ready: `?wait=` and `Prefer: wait=n`, on every GET and HEAD. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasReadHeaders, isProblem, isSuccessView, LOGGED, OTHER, SUCCESS } from './expect.js';
import { AT_ONCE_MS, READS, timed, untilParked } from './parking.js';
import type { Topic } from './topic.js';

/** What each read answers once the task has the outcome `SUCCESS`. */
const READY: Readonly<Record<string, number>> = {
  '': 200,
  '/result': 200,
  '/exception': 204,
  '/status': 200,
};

export const waiting: Topic = {
  name: 'waiting',
  cases: {
    'a ready task is answered at once, to every read': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, SUCCESS);
      for (const [method, suffix] of READS) {
        const plain = await api.call(method, `${path}${suffix}`);
        for (const [query, prefer, applied] of [
          ['?wait=30s', undefined, undefined],
          ['?wait=30', undefined, undefined],
          ['', 'wait=30', 'wait=30'],
          ['', 'respond-async, Wait = "7" ; x=y', 'wait=7'],
          ['?wait=5s', 'wait=30', undefined],
        ] as const) {
          const headers = prefer === undefined ? {} : { prefer };
          const call = api.call(method, `${path}${suffix}${query}`, { headers });
          const { answer, ms } = await timed(call);
          const message = `${method} ${suffix}${query} ${prefer}`;
          t.ok(ms < AT_ONCE_MS, message);
          t.equal(answer.status, READY[suffix], message);
          t.equal(answer.text, plain.text, message);
          t.equal(answer.headers['preference-applied'], applied, message);
          hasReadHeaders(t, answer, 'SUCCESS');
        }
      }
    },

    'an unknown task is waited for, and every parked read gets its own answer': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const reads = READS.map(([method, suffix]) => api.call(method, `${path}${suffix}?wait=30s`));
      const preferred = api.get(`${path}/result`, { prefer: 'wait=30' });
      const logged = api.get(`${path}/result?wait=30s&with_logs=true`);
      const task = api.get(`${path}?wait=30s&with_logs=true`);
      await untilParked(api, READS.length + 3, path);
      const stored = await api.post(`${path}/result`, LOGGED);
      const etag = `"${stored.headers['task-version']}"`;
      for (const [index, answer] of (await Promise.all(reads)).entries()) {
        const [method, suffix] = READS[index]!;
        t.equal(answer.status, READY[suffix], `${method} ${suffix}`);
        t.equal(answer.headers.etag, etag);
        hasReadHeaders(t, answer, 'SUCCESS');
        if (method === 'HEAD') t.equal(answer.text, '');
      }
      t.equal((await reads[2])?.text, SUCCESS, 'no log for who did not ask for it');
      t.match((await reads[0])?.text, `,"outcome":${SUCCESS}}`);
      isSuccessView(t, (await reads[6])!, taskId);
      t.equal((await preferred).text, SUCCESS);
      t.equal((await preferred).headers['preference-applied'], 'wait=30');
      t.equal((await logged).text, LOGGED, 'the log for who did');
      t.match((await task).text, `,"outcome":${LOGGED}}`);
      await untilParked(api, 0);
    },

    'progress does not end the wait, the outcome does': async (t, api) => {
      const path = api.path();
      await api.post(`${path}/status`, { state: 'PENDING' });
      const wait = api.get(`${path}/result?wait=30s`);
      await untilParked(api, 1, path);
      for (const state of ['STARTED', 'SUCCESS', 'RETRY']) {
        await api.put(`${path}/status`, { state });
        await untilParked(api, 1, path);
      }
      await api.put(`${path}/expiry`, { ttl: '1h' });
      await untilParked(api, 1, path);
      await api.put(`${path}/exception`, { exc_type: 'E' });
      const answer = await wait;
      t.equal(answer.status, 200);
      t.equal(answer.headers['task-state'], 'FAILURE');
    },

    'at the deadline the answer is what an immediate read would give': async (t, api) => {
      const unknown = api.path();
      const known = api.path();
      await api.put(`${known}/status`, { state: 'STARTED' });
      const view = (await api.get(known)).text;
      const at = (path: string, suffix: string, query = '') =>
        timed(api.get(`${path}${suffix}?wait=320ms${query}`));
      const [missing, result, refused, exception, status, task, head] = await Promise.all([
        Promise.all(['', '/result', '/exception', '/status'].map((one) => at(unknown, one))),
        at(known, '/result'),
        at(known, '/result', '&pending=error'),
        at(known, '/exception'),
        at(known, '/status'),
        at(known, ''),
        timed(api.head(`${known}/result?wait=320ms`)),
      ]);
      for (const { answer } of missing) {
        isProblem(t, answer, 'task-unknown');
        t.equal(answer.headers['task-state'], 'UNKNOWN');
      }
      for (const { answer } of [result, exception, head]) {
        t.equal(answer.status, 202);
        t.equal(answer.headers['retry-after'], '0', 'it has waited already');
        t.equal(answer.headers.location, `${known}/status`);
        hasReadHeaders(t, answer, 'STARTED');
      }
      t.equal(result.answer.text, view);
      isProblem(t, refused.answer, 'not-ready', /STARTED/);
      t.equal(status.answer.status, 200);
      t.equal(task.answer.text, view);
      for (const { ms } of [...missing, result, refused, exception, status, task, head]) {
        t.ok(ms >= 200, `${ms} ms`);
      }
      t.equal((await api.get(known)).text, view, 'waiting has no side effect');
    },

    'a malformed ?wait= is 400 on every read, even beside a good Prefer': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, SUCCESS);
      const bad = ['', 'x', '-1', '1.5s', '1w', '10 s', '5S', '1000000000', '1s&wait=1s', '1s,2s'];
      for (const [method, suffix] of READS) {
        for (const value of bad) {
          const query = value.includes('&') ? value : encodeURIComponent(value);
          const call = { headers: { prefer: 'wait=1' } };
          const answer = await api.call(method, `${path}${suffix}?wait=${query}`, call);
          t.equal(answer.status, 400, `${method} ${suffix} ${value}`);
          if (method === 'GET') isProblem(t, answer, 'invalid-parameter', /"wait"/);
        }
      }
    },

    'a malformed Prefer is ignored': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/status`, { state: 'STARTED' });
      const bad = [
        '',
        'wait',
        'wait=',
        'wait=abc',
        'wait=-1',
        'wait=1.5',
        'wait=10s',
        'wait=10000000000',
        'wait="30',
        ';;,=,',
        'waiting=30',
        'x; wait=30',
        'foo="a, wait=30"',
        'foo="a,wait=30,b"',
        'foo="\\",wait=30,"',
        'foo; bar="a,wait=30,b"',
        'foo="a,wait=30',
        'wait=30, foo="',
        'wait=30 30',
        `${'; '.repeat(4_000)}wait=30`,
        `a${'; '.repeat(4_000)}"`,
        `a=${' '.repeat(8_000)}"`,
        '\u00e9=1',
      ];
      const answers = await Promise.all(
        bad.map((prefer) => timed(api.get(`${path}/result`, { prefer }))),
      );
      for (const [index, { answer, ms }] of answers.entries()) {
        t.equal(answer.status, 202, `Prefer: ${bad[index]}`);
        t.equal(answer.headers['preference-applied'], undefined, `Prefer: ${bad[index]}`);
        t.equal(answer.headers['retry-after'], '1', 'it did not wait');
        t.ok(ms < AT_ONCE_MS);
      }
      for (const good of ['foo="a,b", wait=0', 'wait="0"', 'wait = 0; x=", y" ;', ',, Wait=0,']) {
        const answer = await api.get(`${path}/result`, { prefer: good });
        t.equal(answer.headers['preference-applied'], 'wait=0', good);
      }
      const second = await api.get(`${path}/result`, { prefer: 'wait=0x, wait=0, wait=30' });
      t.equal(second.headers['preference-applied'], 'wait=0', 'the first good one counts');
    },

    'no wait at all: 0, by query or header; the query wins': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/status`, { state: 'STARTED' });
      for (const [query, prefer, applied] of [
        ['?wait=0', 'wait=30', undefined],
        ['?wait=0ms', undefined, undefined],
        ['', 'wait=0', 'wait=0'],
      ] as const) {
        const headers = prefer === undefined ? {} : { prefer };
        const { answer, ms } = await timed(api.get(`${path}/result${query}`, headers));
        t.ok(ms < AT_ONCE_MS);
        t.equal(answer.status, 202);
        t.equal(answer.headers['retry-after'], '1');
        t.equal(answer.headers['preference-applied'], applied);
      }
    },

    'above the maximum a wait is clamped, and a Prefer is told so': async (t, api) => {
      const own = await api.withOptions(t, { maxWaitMs: 1_000 });
      const path = own.path();
      await own.put(`${path}/status`, { state: 'STARTED' });
      const [query, header, both] = await Promise.all([
        timed(own.get(`${path}/result?wait=999999999d`)),
        timed(own.get(`${path}/result`, { prefer: 'wait=600' })),
        timed(own.get(`${path}/result?wait=1h`, { prefer: 'wait=600' })),
      ]);
      for (const { answer, ms } of [query, header, both]) {
        t.equal(answer.status, 202);
        t.ok(ms >= 700, `${ms} ms`);
      }
      t.equal(header.answer.headers['preference-applied'], 'wait=1');
      t.equal(query.answer.headers['preference-applied'], undefined);
      t.equal(both.answer.headers['preference-applied'], undefined);
    },

    'deleted or consumed while known: 410 task-removed at once, to every read': async (t, api) => {
      for (const remove of ['DELETE', 'consume'] as const) {
        const path = api.path();
        await api.put(`${path}/status`, { state: 'STARTED' });
        // A consume needs an outcome, which ends a wait that has no If-None-Match.
        if (remove === 'consume') await api.put(`${path}/result`, SUCCESS);
        const { etag = '' } = (await api.get(path)).headers;
        const headers = remove === 'consume' ? { 'if-none-match': etag } : {};
        const reads = READS.map(([method, suffix]) =>
          timed(api.call(method, `${path}${suffix}?wait=30s`, { headers })),
        );
        await untilParked(api, READS.length, path);
        const removed = remove === 'DELETE' ? await api.delete(path) : await api.consume(path);
        t.ok(removed.status < 300);
        for (const [index, { answer, ms }] of (await Promise.all(reads)).entries()) {
          t.ok(ms < AT_ONCE_MS, 'at once');
          t.equal(answer.status, 410);
          t.equal(answer.headers['task-state'], 'UNKNOWN');
          if (READS[index]![0] === 'GET') isProblem(t, answer, 'task-removed', /deleted/);
        }
      }
    },

    'unknown when parked: a removal leaves it parked, and it gets the outcome': async (t, api) => {
      const path = api.path();
      const wait = api.get(`${path}/result?wait=30s`);
      await untilParked(api, 1, path);
      for (let round = 0; round < 3; round += 1) {
        await api.put(`${path}/status`, { state: 'STARTED' });
        await untilParked(api, 1, path);
        await api.delete(path);
        await untilParked(api, 1, path);
      }
      isProblem(t, await api.delete(path), 'task-unknown');
      await api.post(`${path}/result`, OTHER);
      t.equal((await wait).text, OTHER);
    },

    'a task that expires leaves its waiters parked: a later outcome still comes': async (
      t,
      api,
    ) => {
      const [path, other] = [api.path(), api.path()];
      const waits = [path, other].map(async (one, index) => {
        await api.put(`${one}/status?ttl=3s`, { state: 'STARTED' });
        return timed(api.get(`${one}/result?wait=${index === 0 ? '30s' : '6s'}`));
      });
      await untilParked(api, 2, path);
      for (const one of [path, other]) {
        while ((await api.get(one)).status !== 404) await delay(20);
      }
      t.equal(api.service.app.hub.parked, 2, 'nobody was answered');
      await api.post(`${path}/result`, SUCCESS);
      t.equal((await waits[0]!).answer.text, SUCCESS);
      const { answer, ms } = await waits[1]!;
      isProblem(t, answer, 'task-unknown', /expired/, 'at the deadline it is unknown');
      t.ok(ms >= 4_000, `${ms} ms`);
    },

    'clients that go away leave nothing behind': async (t, api) => {
      const paths = Array.from({ length: 10 }, () => api.path());
      const aborts = Array.from({ length: 100 }, () => new AbortController());
      const calls = aborts.map(({ signal }, index) =>
        api
          .call(index % 2 === 0 ? 'GET' : 'HEAD', `${paths[index % 10]}/result?wait=30s`, {
            signal,
          })
          .then(
            () => 'answered',
            () => 'aborted',
          ),
      );
      await untilParked(api, 100);
      for (const abort of aborts) abort.abort();
      t.same(new Set(await Promise.all(calls)), new Set(['aborted']));
      await untilParked(api, 0);
      t.equal((await api.put(`${paths[0]}/result`, SUCCESS)).status, 201);
    },
  },
};
