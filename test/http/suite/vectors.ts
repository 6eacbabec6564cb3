/** Every vector of `test/vectors`, over HTTP. */
import { readdirSync, readFileSync } from 'node:fs';
import { isExactly, isProblem } from './expect.js';
import type { Topic } from './topic.js';

/** Seen from the compiled file. */
const FOLDER = new URL('../../../../test/vectors/', import.meta.url);

export function loadVectors(kind: string, ending: string): [name: string, document: Buffer][] {
  const folder = new URL(`${kind}/`, FOLDER);
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  if (names.length === 0) throw new Error(`there are no vectors in ${folder.href}`);
  return names
    .sort()
    .map((name) => [name.slice(0, -ending.length), readFileSync(new URL(name, folder))]);
}

/** What each refusal has to name. */
const NAMED: Readonly<Record<string, RegExp>> = {
  'bad-utf8': /UTF-8/,
  bom: /byte order mark/,
  empty: /empty/,
  'exception-without-type': /exc_type/,
  'false-alone': /return_value.*is_err/,
  'known-key-twice': /return_value.*twice/,
  'labels-as-array': /labels.*array/,
  'log-as-number': /log.*number/,
  nan: /byte 16.*NaN/,
  'no-value': /return_value.*execution_time/,
  'no-verdict': /return_value.*execution_time.*labels/,
  'not-an-object': /array/,
  'not-json': /byte 17/,
  'null-error-alone': /return_value.*error/,
  'time-as-text': /execution_time.*string/,
  'too-deep': /1000 levels/,
  'trailing-garbage': /end of the body.*x/,
  'unknown-key': /return_vlaue/,
};

export const vectors: Topic = {
  name: 'vectors',
  cases: {
    'every outcome comes back byte for byte, wherever it stands': async (t, api) => {
      for (const [name, document] of loadVectors('outcomes', '.json')) {
        const path = api.path();
        t.equal((await api.put(`${path}/result`, document)).status, 201, name);
        const withLog = await api.get(`${path}/result?with_logs=true`);
        isExactly(t, withLog.body, document, `${name} with logs`);
        const bare = document.toString().replace(/"log":"(?:[^"\\]|\\.)*"/, '"log":null');
        isExactly(t, (await api.get(`${path}/result`)).body, bare, `${name} without logs`);
        const task = await api.get(path);
        t.ok(task.text.endsWith(`,"outcome":${bare}}`), `${name}: embedded`);
        const logged = await api.get(`${path}?with_logs=true`);
        t.ok(logged.text.endsWith(`,"outcome":${document}}`), `${name}: embedded with its log`);
        const time = /"execution_time":([^,}]+),"labels"/.exec(bare)![1]!;
        t.match((await api.get(`${path}/status`)).text, `"execution_time":${time},"created_at"`);
        t.equal((await api.post(`${path}/result`, document)).status, 200, `${name}: a retry`);
        const consumed = await api.consume(path, {}, '?with_logs=true');
        isExactly(t, consumed.body, document, `${name}: consumed`);
      }
    },

    'every incomplete outcome is completed': async (t, api) => {
      const completed = new Map(loadVectors('rewritten', '.out.json'));
      for (const [name, document] of loadVectors('rewritten', '.in.json')) {
        for (const method of ['PUT', 'POST'] as const) {
          const path = api.path();
          const headers = { 'content-type': 'application/json' };
          const written = await api.call(method, `${path}/result`, { body: document, headers });
          t.equal(written.status, 201, `${method} ${name}`);
          const read = await api.get(`${path}/result?with_logs=true`);
          isExactly(t, read.body, completed.get(name)!, name);
        }
      }
    },

    'every bad outcome is refused with its fault named, and nothing is stored': async (t, api) => {
      const vectors = loadVectors('refused', '.json');
      t.same(
        vectors.map(([name]) => name),
        Object.keys(NAMED).sort(),
        'each of them is expected to be refused for a reason',
      );
      for (const [name, document] of vectors) {
        for (const method of ['PUT', 'POST'] as const) {
          const path = api.path();
          const headers = { 'content-type': 'application/json' };
          const answer = await api.call(method, `${path}/result`, { body: document, headers });
          isProblem(t, answer, 'invalid-body', NAMED[name], `${method} ${name}`);
          t.equal((await api.get(path)).status, 404, `${name}: nothing was stored`);
        }
      }
    },

    'a bad outcome leaves the one that is there': async (t, api) => {
      const path = api.path();
      await api.put(`${path}/result`, '{"return_value":1}');
      const before = await api.get(path);
      for (const [, document] of loadVectors('refused', '.json'))
        await api.put(`${path}/result`, document);
      const after = await api.get(path);
      t.equal(after.text, before.text);
      t.equal(after.headers.etag, before.headers.etag);
    },
  },
};
