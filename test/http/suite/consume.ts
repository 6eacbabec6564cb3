/** `POST …/result/consume`: the outcome for exactly one caller. */
import { hasReadHeaders, isExactly, isProblem, LOGGED, OTHER, SUCCESS, VERSION } from './expect.js';
import type { Api, Topic } from './topic.js';

const key = (value: string): Record<string, string> => ({ 'idempotency-key': value });

/** A task with this outcome. */
async function stored(api: Api, body: string = SUCCESS): Promise<string> {
  const path = api.path();
  await api.put(`${path}/result`, body);
  return path;
}

export const consume: Topic = {
  name: 'consume',
  cases: {
    'it answers the outcome once and removes the task': async (t, api) => {
      const path = await stored(api, LOGGED);
      await api.put(`${path}/status`, { state: 'STARTED' });
      const { etag } = (await api.get(path)).headers;
      const answer = await api.consume(path);
      t.equal(answer.status, 200);
      t.equal(answer.headers['content-type'], 'application/json');
      t.equal(answer.headers['task-state'], 'SUCCESS');
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(`"${answer.headers['task-version']}"`, etag, 'the version that was consumed');
      t.equal(answer.headers.etag, undefined);
      isExactly(t, answer.body, SUCCESS, 'without its log');
      for (const suffix of ['', '/result', '/status', '/exception']) {
        isProblem(t, await api.get(`${path}${suffix}`), 'task-unknown');
      }
      isProblem(t, await api.consume(path), 'task-unknown');
      isProblem(t, await api.consume(path, key('k')), 'task-unknown');

      const logged = await stored(api, LOGGED);
      isExactly(t, (await api.consume(logged, {}, '?with_logs=true')).body, LOGGED, 'with its log');
      const kept = await stored(api);
      isProblem(t, await api.consume(kept, {}, '?with_logs=2'), 'invalid-parameter', /with_logs/);
      t.equal((await api.get(kept)).status, 200, 'a refused consume takes nothing');
    },

    'with embed=true it answers the whole task, as it was': async (t, api) => {
      const path = await stored(api, LOGGED);
      await api.put(`${path}/status`, { state: 'STARTED', meta: [1] });
      const [task, logged] = [await api.get(path), await api.get(`${path}?with_logs=true`)];
      const answer = await api.consume(path, key('k'), '?embed=true');
      t.equal(answer.status, 200);
      t.equal(answer.headers['content-type'], 'application/json');
      t.equal(`"${answer.headers['task-version']}"`, task.headers.etag);
      isExactly(t, answer.body, task.text, 'what GET has answered');
      const again = await api.consume(path, key('k'), '?embed=true&with_logs=true');
      isExactly(t, again.body, logged.text, 'a repeat, with the log');
      isExactly(t, (await api.consume(path, key('k'), '?embed=false')).body, SUCCESS, 'false');

      const opaque = api.path();
      const type = { 'content-type': 'a/b' };
      await api.call('PUT', `${opaque}/result?execution_time=1.50`, { headers: type, body: 'x' });
      const before = await api.get(opaque);
      t.match(before.text, /"execution_time":1\.50,.*"outcome_base64":"eA=="/);
      isExactly(t, (await api.consume(opaque, {}, '?embed=true')).body, before.text, 'opaque');
      const kept = await stored(api);
      isProblem(t, await api.consume(kept, {}, '?embed=1'), 'invalid-parameter', /embed/);
      t.equal((await api.get(kept)).status, 200, 'nothing was consumed');
    },

    'it is 409 before there is an outcome and 404 where there is no task': async (t, api) => {
      const path = api.path();
      const unknown = await api.consume(path);
      isProblem(t, unknown, 'task-unknown');
      t.equal(unknown.headers['task-state'], 'UNKNOWN');
      await api.put(`${path}/status`, { state: 'STARTED' });
      const pending = await api.consume(path, key('k'));
      isProblem(t, pending, 'not-ready', /STARTED/);
      t.equal(pending.headers['task-state'], 'STARTED');
      t.equal((await api.get(path)).status, 200);
      await api.put(`${path}/result`, SUCCESS);
      t.equal((await api.consume(path, key('k'))).status, 200, 'a refusal is not remembered');
    },

    'of 50 callers at once one gets it': async (t, api) => {
      const path = await stored(api);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          api.consume(path, index % 2 === 0 ? {} : key(`caller-${index}`)),
        ),
      );
      const won = answers.filter(({ status }) => status === 200);
      t.equal(won.length, 1);
      t.equal(won[0]?.text, SUCCESS);
      t.equal(answers.filter(({ status }) => status === 404).length, 49);
    },

    'of 20 repeats of one caller at once all get it': async (t, api) => {
      const path = await stored(api);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => api.consume(path, key('one'))),
      );
      t.ok(answers.every(({ status, text }) => status === 200 && text === SUCCESS));
    },

    'the same key is given the same answer again, even when a new outcome has come': async (
      t,
      api,
    ) => {
      const path = await stored(api, LOGGED);
      const first = await api.consume(path, key('"k-1"'));
      t.equal(first.text, SUCCESS);
      const sames = async (message: string): Promise<void> => {
        for (const spelt of ['"k-1"', 'k-1', ' k-1 ']) {
          const again = await api.consume(path, key(spelt));
          t.equal(again.status, 200, `${message}: ${spelt}`);
          t.equal(again.text, first.text);
          t.equal(again.headers['task-version'], first.headers['task-version']);
          t.equal(again.headers['task-state'], 'SUCCESS');
        }
      };
      await sames('at once');
      isExactly(
        t,
        (await api.consume(path, key('k-1'), '?with_logs=true')).body,
        LOGGED,
        'the log was remembered as well',
      );
      isProblem(t, await api.consume(path, key('k-2')), 'task-unknown');
      await api.put(`${path}/result`, OTHER);
      await sames('beside a new outcome');
      const failing = { ...key('k-1'), 'if-match': '"1-1.o"' };
      t.equal((await api.consume(path, failing)).status, 200, 'before any other check');
      t.equal((await api.get(`${path}/result`)).text, OTHER, 'which is still there');
      t.equal((await api.consume(path, key('k-2'))).text, OTHER);
      await sames('after another consume');
    },

    'a key belongs to one task': async (t, api) => {
      const [one, two] = [await stored(api), await stored(api, OTHER)];
      t.equal((await api.consume(one, key('k'))).text, SUCCESS);
      t.equal((await api.consume(two, key('k'))).text, OTHER);
    },

    'DELETE forgets the key': async (t, api) => {
      const path = await stored(api);
      await api.consume(path, key('k'));
      isProblem(t, await api.delete(path), 'task-unknown');
      isProblem(t, await api.consume(path, key('k')), 'task-unknown');

      const again = await stored(api);
      await api.consume(again, key('k'));
      await api.put(`${again}/result`, OTHER);
      t.equal((await api.delete(again)).status, 204);
      isProblem(t, await api.consume(again, key('k')), 'task-unknown');
    },

    'a key has 1 to 255 characters': async (t, api) => {
      for (const bad of ['', '""', 'k'.repeat(256), `"${'k'.repeat(256)}"`]) {
        const path = await stored(api);
        isProblem(t, await api.consume(path, key(bad)), 'invalid-parameter', /Idempotency-Key/);
        t.equal((await api.get(`${path}/result`)).text, SUCCESS, 'nothing was consumed');
      }
      for (const good of ['k', 'k'.repeat(255), `"${'k'.repeat(255)}"`, '8e03978e-40d5-43dd']) {
        const path = await stored(api);
        t.equal((await api.consume(path, key(good))).status, 200, good.slice(0, 20));
        t.equal((await api.consume(path, key(good))).status, 200);
        t.equal((await api.consume(path, key(`${good.slice(0, 250)}x`))).status, 404);
      }
    },

    'a late retry of the POST that was consumed answers 200 and creates nothing': async (
      t,
      api,
    ) => {
      for (const consumer of [{}, key('k')]) {
        const path = await stored(api, LOGGED);
        await api.consume(path, consumer);
        const late = await api.post(`${path}/result`, LOGGED);
        t.equal(late.status, 200);
        t.equal(late.headers['task-state'], 'UNKNOWN');
        t.equal(late.headers.location, undefined);
        t.match(late.text, /^\{"task_id":"task-\d+","state":null,"ready":false,"is_err":null,/);
        t.equal((await api.get(path)).status, 404, 'nothing was created');
        t.equal((await api.consume(path)).status, 404);

        const other = await api.post(`${path}/result`, OTHER);
        t.equal(other.status, 201, 'another outcome is a new one');
        t.match(other.headers['task-version'], VERSION);
        isProblem(t, await api.post(`${path}/result`, LOGGED), 'outcome-conflict');
        t.equal((await api.get(`${path}/result`)).text, OTHER);
      }
      const replaced = await stored(api);
      await api.consume(replaced);
      t.equal((await api.put(`${replaced}/result`, SUCCESS)).status, 201, 'PUT sets it again');
      hasReadHeaders(t, await api.get(`${replaced}/result`), 'SUCCESS');
    },

    'a task that is run again may end with an equal outcome': async (t, api) => {
      const path = await stored(api, LOGGED);
      await api.consume(path, key('k'));
      const pending = await api.post(`${path}/status`, { state: 'PENDING' });
      t.equal(pending.status, 201, 'it is registered anew');
      t.equal((await api.post(`${path}/result`, LOGGED)).status, 201);
      t.equal((await api.get(`${path}/result`)).status, 200, 'whoever waits for it is answered');
      t.equal((await api.consume(path, key('k'))).status, 200, 'the key is given its outcome');
      t.equal((await api.get(`${path}/result`)).status, 200, 'and takes nothing');
    },

    'after DELETE the same POST is a new one': async (t, api) => {
      const path = await stored(api);
      await api.consume(path, key('k'));
      await api.delete(path);
      t.equal((await api.post(`${path}/result`, SUCCESS)).status, 201);
    },

    'the version after a consume is another one': async (t, api) => {
      const path = await stored(api);
      const consumed = await api.consume(path);
      const again = await api.put(`${path}/result`, SUCCESS);
      t.not(again.headers['task-version'], consumed.headers['task-version']);
    },
  },
};
