/** `If-Match` and `If-None-Match`, on every write and on every read. */

import type { Answer } from '../../support/service.js';
import { ERROR, hasReadHeaders, isHeadOf, isProblem, OTHER, SUCCESS } from './expect.js';
import type { Api, Topic } from './topic.js';

type Headers = Record<string, string>;
type Write = (api: Api, path: string, headers: Headers) => Promise<Answer>;

/** Every write, on a task that has the outcome `SUCCESS` and progress. */
const WRITES: Readonly<Record<string, Write>> = {
  'POST result': (api, path, headers) => api.post(`${path}/result`, OTHER, headers),
  'PUT result': (api, path, headers) => api.put(`${path}/result`, OTHER, headers),
  'POST exception': (api, path, headers) => api.post(`${path}/exception`, ERROR, headers),
  'PUT exception': (api, path, headers) => api.put(`${path}/exception`, ERROR, headers),
  'POST status': (api, path, headers) => api.post(`${path}/status`, { state: 'X' }, headers),
  'POST status PENDING': (api, path, headers) =>
    api.post(`${path}/status`, { state: 'PENDING' }, headers),
  'PUT status': (api, path, headers) => api.put(`${path}/status`, { state: 'X' }, headers),
  'PUT expiry': (api, path, headers) => api.put(`${path}/expiry`, { ttl: '2h' }, headers),
  DELETE: (api, path, headers) => api.delete(path, headers),
  consume: (api, path, headers) => api.consume(path, headers),
};

/** A task with an outcome and progress, and its ETag. */
async function full(api: Api): Promise<{ path: string; etag: string }> {
  const path = api.path();
  await api.put(`${path}/status`, { state: 'STARTED' });
  await api.put(`${path}/result`, SUCCESS);
  return { path, etag: (await api.get(path)).headers.etag! };
}

const STALE = '"1700000000000-0123456789abcdef.op"';

export const conditions: Topic = {
  name: 'conditions',
  cases: {
    'a condition that does not hold is 412 on every write, and nothing changes': async (t, api) => {
      for (const [name, write] of Object.entries(WRITES)) {
        const { path, etag } = await full(api);
        const before = await api.get(path);
        const failing: Headers[] = [
          { 'if-match': STALE },
          { 'if-match': `W/${etag}` },
          { 'if-match': `${STALE}, W/${etag}` },
          { 'if-match': '""' },
          { 'if-none-match': etag },
          { 'if-none-match': `W/${etag}` },
          { 'if-none-match': `${STALE} ,${etag}` },
          { 'if-none-match': '*' },
          { 'if-match': etag, 'if-none-match': '*' },
        ];
        for (const headers of failing) {
          const answer = await write(api, path, headers);
          const message = `${name} ${JSON.stringify(headers)}`;
          isProblem(t, answer, 'version-mismatch', /version ".*\.op"/, message);
          t.equal(answer.headers['task-state'], 'SUCCESS', message);
        }
        t.equal((await api.get(path)).text, before.text, `${name}: nothing changed`);
      }
    },

    'a condition that holds lets every write through': async (t, api) => {
      const holding = (etag: string): Headers[] => [
        { 'if-match': etag },
        { 'if-match': `${STALE}, ${etag}` },
        { 'if-match': ` ${etag} ` },
        { 'if-match': '*' },
        { 'if-none-match': STALE },
        { 'if-none-match': `${STALE}, W/"x"` },
        { 'if-match': etag, 'if-none-match': STALE },
      ];
      for (const [name, write] of Object.entries(WRITES)) {
        const count = holding('').length;
        for (let index = 0; index < count; index += 1) {
          const { path, etag } = await full(api);
          const headers = holding(etag)[index]!;
          const answer = await write(api, path, headers);
          const expected = /^POST (result|exception)/.test(name)
            ? 409
            : name === 'DELETE'
              ? 204
              : 200;
          t.equal(answer.status, expected, `${name} ${JSON.stringify(headers)}`);
        }
      }
    },

    '412 comes before 409': async (t, api) => {
      const { path } = await full(api);
      isProblem(
        t,
        await api.post(`${path}/result`, OTHER, { 'if-match': STALE }),
        'version-mismatch',
      );
      const pending = api.path();
      await api.put(`${pending}/status`, { state: 'STARTED' });
      isProblem(t, await api.consume(pending, { 'if-match': STALE }), 'version-mismatch');
      isProblem(t, await api.consume(pending, { 'if-match': '*' }), 'version-mismatch');
      isProblem(t, await api.consume(pending, { 'if-none-match': '*' }), 'not-ready');
    },

    'on an unknown task If-Match is 412, and If-None-Match lets through': async (t, api) => {
      for (const [name, write] of Object.entries(WRITES)) {
        const path = api.path();
        for (const headers of [{ 'if-match': '*' }, { 'if-match': STALE }]) {
          const answer = await write(api, path, headers);
          isProblem(t, answer, 'version-mismatch', /unknown/, `${name} ${JSON.stringify(headers)}`);
          t.equal(answer.headers['task-state'], 'UNKNOWN');
        }
        t.equal((await api.get(path)).status, 404, `${name}: nothing was stored`);
        for (const value of ['*', STALE]) {
          const answer = await write(api, path, { 'if-none-match': value });
          const creates = /result|exception|status/.test(name);
          t.equal(answer.status, creates ? 201 : 404, `${name} If-None-Match: ${value}`);
          await api.delete(path);
        }
      }
    },

    '* asks about the addressed record only': async (t, api) => {
      const path = api.path();
      const isThere = { 'if-match': '*' };
      const isNotThere = { 'if-none-match': '*' };
      await api.put(`${path}/status`, { state: 'STARTED' });
      isProblem(t, await api.put(`${path}/result`, SUCCESS, isThere), 'version-mismatch');
      isProblem(t, await api.put(`${path}/status`, { state: 'B' }, isNotThere), 'version-mismatch');
      isProblem(t, await api.delete(path, isNotThere), 'version-mismatch');
      t.equal((await api.put(`${path}/status`, { state: 'B' }, isThere)).status, 200);
      t.equal((await api.put(`${path}/result`, SUCCESS, isNotThere)).status, 201);
      t.equal((await api.put(`${path}/result`, OTHER, isThere)).status, 200);

      const outcomeOnly = api.path();
      await api.put(`${outcomeOnly}/result`, SUCCESS);
      const status = { state: 'A' };
      isProblem(t, await api.put(`${outcomeOnly}/status`, status, isThere), 'version-mismatch');
      t.equal((await api.put(`${outcomeOnly}/status`, status, isNotThere)).status, 201);
      t.equal((await api.delete(outcomeOnly, isThere)).status, 204);
    },

    'a PUT whose condition fails but which is stored exactly so is a retry: 200, no change': async (
      t,
      api,
    ) => {
      const path = api.path();
      const before = await api.put(`${path}/status`, { state: 'A', meta: 1 });
      const tag = { 'if-match': `"${before.headers['task-version']}"` };
      const first = await api.put(`${path}/result?ttl=1h`, SUCCESS, tag);
      t.equal(first.status, 201);
      for (const headers of [tag, { 'if-match': STALE }, { 'if-none-match': '*' }]) {
        const again = await api.put(`${path}/result`, SUCCESS, headers);
        t.equal(again.status, 200);
        t.equal(again.text, first.text);
        t.equal(again.headers['task-version'], first.headers['task-version']);
        t.equal(again.headers['task-unchanged'], 'true');
        isProblem(t, await api.put(`${path}/result`, OTHER, headers), 'version-mismatch');
        const status = await api.put(`${path}/status`, '{"meta":1, "state":"A"}', headers);
        t.equal(status.status, 200, 'progress too');
        t.equal(status.text, first.text);
        t.equal(status.headers['task-unchanged'], 'true');
        isProblem(
          t,
          await api.put(`${path}/status`, { state: 'A', meta: 2 }, headers),
          'version-mismatch',
        );
      }
      const replaced = await api.put(`${path}/result`, SUCCESS);
      t.equal(replaced.status, 200);
      t.equal(replaced.headers['task-unchanged'], undefined, 'one that replaces says nothing');
    },

    'a malformed condition is 400 on every write, and nothing changes': async (t, api) => {
      const { path } = await full(api);
      const before = await api.get(path);
      const malformed = [
        '',
        'x',
        '1700000000000-0123456789abcdef.o',
        '"open',
        '*, "a"',
        '"a" "b"',
        '"a""b"',
        'w/"a"',
        'W/ "a"',
        '"a b"',
        '""x',
        ',',
      ];
      for (const [name, write] of Object.entries(WRITES)) {
        for (const value of malformed) {
          for (const header of ['If-Match', 'If-None-Match']) {
            const answer = await write(api, path, { [header]: value });
            const message = `${name} ${header}: ${value}`;
            isProblem(t, answer, 'invalid-parameter', new RegExp(header), message);
          }
        }
      }
      t.equal((await api.get(path)).text, before.text);
      const long = await api.delete(path, { 'if-match': `"${'x'.repeat(5_000)}` });
      isProblem(t, long, 'invalid-parameter', /"x{90,99}…/);
    },

    'If-Match on a read is 412 where the task is not at that version': async (t, api) => {
      const { path, etag } = await full(api);
      for (const suffix of ['', '/result', '/exception', '/status']) {
        const whole = await api.get(`${path}${suffix}`);
        const read = (value: string, more: Headers = {}) =>
          api.get(`${path}${suffix}`, { 'if-match': value, ...more });
        for (const value of [etag, ` ${STALE}, ${etag}`, '*']) {
          const answer = await read(value);
          t.equal(answer.status, whole.status, `${suffix} ${value}`);
          t.equal(answer.text, whole.text);
        }
        t.equal((await read(etag, { 'if-none-match': etag })).status, 304, 'both hold');
        for (const value of [STALE, `W/${etag}`, `${STALE}, W/${etag}`]) {
          for (const more of [{}, { 'if-none-match': etag }]) {
            const answer = await read(value, more);
            isProblem(t, answer, 'version-mismatch', /version ".*\.op"/, `${suffix} ${value}`);
            t.equal(answer.headers['task-state'], 'SUCCESS');
          }
        }
        const head = { 'if-match': STALE };
        t.equal((await api.head(`${path}${suffix}`, head)).status, 412, `HEAD ${suffix}`);
        t.equal((await api.get(`${path}${suffix}?wait=1s`, head)).status, 412, 'after a wait too');
        t.equal((await read('x')).status, 400);
        for (const value of ['*', STALE]) {
          const unknown = await api.get(`${api.path()}${suffix}`, { 'if-match': value });
          isProblem(t, unknown, 'version-mismatch', /unknown/, `${suffix} of an unknown task`);
          t.equal(unknown.headers['task-state'], 'UNKNOWN');
        }
      }
      const pending = api.path();
      await api.put(`${pending}/status`, { state: 'STARTED' });
      const any = { 'if-match': '*' };
      isProblem(t, await api.get(`${pending}/result`, any), 'version-mismatch');
      isProblem(t, await api.get(`${pending}/exception`, any), 'version-mismatch');
      t.equal((await api.get(`${pending}/status`, any)).status, 200, '* asks for the record');
      t.equal((await api.get(pending, any)).status, 200);
    },

    'If-None-Match makes every read 304 where the client knows the task': async (t, api) => {
      for (const isReady of [true, false]) {
        const path = api.path();
        await api.put(`${path}/status`, { state: 'STARTED' });
        if (isReady) await api.put(`${path}/result`, SUCCESS);
        const { etag = '' } = (await api.get(path)).headers;
        for (const suffix of ['', '/result', '/exception', '/status']) {
          const whole = await api.get(`${path}${suffix}`);
          for (const value of [etag, `W/${etag}`, `${STALE},${etag}`, '*']) {
            const headers = { 'if-none-match': value };
            const answer = await api.get(`${path}${suffix}`, headers);
            t.equal(answer.status, 304, `${suffix} ${value}`);
            t.equal(answer.text, '');
            t.equal(answer.headers.etag, etag);
            t.equal(answer.headers['content-length'], undefined);
            hasReadHeaders(t, answer, isReady ? 'SUCCESS' : 'STARTED');
            isHeadOf(t, await api.head(`${path}${suffix}`, headers), answer, `HEAD ${suffix}`);
          }
          const other = await api.get(`${path}${suffix}`, { 'if-none-match': STALE });
          t.equal(other.status, whole.status);
          t.equal(other.text, whole.text);
          for (const method of ['GET', 'HEAD']) {
            const bad = await api.call(method, `${path}${suffix}`, {
              headers: { 'if-none-match': 'x' },
            });
            t.equal(bad.status, 400, `${method} ${suffix}`);
          }
          const unknown = await api.get(`${api.path()}${suffix}`, { 'if-none-match': '*' });
          isProblem(t, unknown, 'task-unknown');
        }
      }
    },

    'every write renews the ETag, a change of expiry too': async (t, api) => {
      const path = api.path();
      const seen = new Set<string>();
      const writes = [
        () => api.post(`${path}/status`, { state: 'PENDING' }),
        () => api.put(`${path}/status`, { state: 'PENDING' }),
        () => api.put(`${path}/status`, { state: 'PENDING' }),
        () => api.post(`${path}/result`, SUCCESS),
        () => api.put(`${path}/result`, SUCCESS),
        () => api.put(`${path}/expiry`, { ttl: '1h' }),
        () => api.put(`${path}/expiry`, { ttl: '1h' }),
        () => api.delete(path),
        () => api.post(`${path}/result`, SUCCESS),
      ];
      let last = 0;
      for (const write of writes) {
        const answer = await write();
        if (answer.status === 204) continue;
        const version = answer.headers['task-version']!;
        t.notOk(seen.has(version), version);
        seen.add(version);
        t.ok(Number.parseInt(version, 10) >= last, 'its milliseconds never go back');
        last = Number.parseInt(version, 10);
        t.equal((await api.get(path)).headers.etag, `"${version}"`);
      }
    },
  },
};
