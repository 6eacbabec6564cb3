/** `POST /v1/batch/get` and `/v1/batch/delete`. */
import { type Entry, type ItemAnswer, list, setItems } from './batches.js';
import { FAILURE, isProblem, LOGGED, SUCCESS } from './expect.js';
import type { Api, Topic } from './topic.js';
import { loadVectors } from './vectors.js';

const get = (api: Api, body: unknown) => api.post('/v1/batch/get', body);

const itemsOf = (...items: string[]): string => `{"items":[${items.join()}]}`;

/** What both refuse, and what the refusal names. */
const REFUSED: readonly [body: string, code: 'invalid-body', detail: RegExp][] = [
  ['{}', 'invalid-body', /task_ids/],
  ['[]', 'invalid-body', /array/],
  ['{"task_ids":"a"}', 'invalid-body', /task_ids.*string/],
  ['{"task_ids":["a"],"ids":[]}', 'invalid-body', /"ids"/],
  ['{"task_ids":["a"],"task_ids":[]}', 'invalid-body', /twice/],
  ['{"task_ids":["a"]', 'invalid-body', /not valid JSON/],
  [`{"task_ids":[${'"a",'.repeat(10_000)}"a"]}`, 'invalid-body', /more than 10000/],
];

export const batchGet: Topic = {
  name: 'batch get and delete',
  cases: {
    'entries stand in the order of the ids, duplicates and unknown ones included': async (
      t,
      api,
    ) => {
      const [ready, started, unknown] = [api.taskId(), api.taskId(), api.taskId()];
      await api.put(`/v1/tasks/${ready}/result`, LOGGED);
      await api.put(`/v1/tasks/${started}/status`, '{"state":"STARTED","meta":{"n":1.0}}');
      const [view, other] = [
        await api.get(`/v1/tasks/${ready}/status`),
        await api.get(`/v1/tasks/${started}/status`),
      ];
      const entries = {
        ready: `{"task_id":"${ready}","found":true,"status":${view.text}`,
        started: `{"task_id":"${started}","found":true,"status":${other.text}}`,
        unknown: `{"task_id":"${unknown}","found":false,"status":null}`,
      };
      const ids = [started, ready, unknown, ready];
      const answer = await get(api, { task_ids: ids });
      t.equal(answer.headers['content-type'], 'application/json');
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(
        answer.text,
        itemsOf(entries.started, `${entries.ready}}`, entries.unknown, `${entries.ready}}`),
      );
      t.equal((await get(api, { task_ids: ids, include: 'status' })).text, answer.text);
      const embedded = (outcome: string): string =>
        `${entries.ready},"content_type":"application/json","outcome":${outcome}}`;
      const outcomes = await get(api, { task_ids: ids, include: 'outcome' });
      const bare = embedded(SUCCESS);
      t.equal(outcomes.text, itemsOf(entries.started, bare, entries.unknown, bare));
      const logged = await get(api, { task_ids: [ready], include: 'outcome', with_logs: true });
      t.equal(logged.text, itemsOf(embedded(LOGGED)));
      t.equal((await get(api, { task_ids: [] })).text, itemsOf());
    },

    'an id that is none fails alone': async (t, api) => {
      const [ready, started] = [api.taskId(), api.taskId()];
      await api.put(`/v1/tasks/${ready}/result`, SUCCESS);
      await api.put(`/v1/tasks/${started}/status`, { state: 'STARTED' });
      const bad = ['b c', 7, '..', ready, '', 'x'.repeat(300), null, { a: ['"'] }];
      const shown = ['b c', null, '..', ready, '', null, null, null];
      const task_ids = [...bad, started, 'n/a'];
      const details = (answers: { problem?: ItemAnswer['problem'] }[]) =>
        answers.map(({ problem }) => problem && /^(task_ids\[\d+\]): /.exec(problem.detail)?.[1]);
      const named = task_ids.map((id, at) =>
        id === ready || id === started ? undefined : `task_ids[${at}]`,
      );
      for (const include of ['status', 'outcome']) {
        const entries = list<Entry>(await get(api, { task_ids, include }));
        t.same(
          entries.map((entry) => entry.task_id),
          [...shown, started, 'n/a'],
        );
        t.same(
          entries.map(({ found, status }) => [found, status?.state]),
          task_ids.map((id) => [
            id === ready || id === started,
            id === ready ? 'SUCCESS' : id === started ? 'STARTED' : undefined,
          ]),
        );
        t.same(details(entries), named);
        t.equal(entries[3]?.outcome !== undefined, include === 'outcome');
      }
      const { problem } = list<Entry>(await get(api, { task_ids: ['b c'] }))[0]!;
      t.match(problem, { type: 'urn:resultd:problem:invalid-task-id', status: 400 });
      t.match(problem?.detail, /"b c"/);
      const many = Array.from({ length: 1_200 }, (_, n) => (n % 600 < 599 ? '' : started));
      const found = list<Entry>(await get(api, { task_ids: many })).map((entry) => entry.found);
      t.same(
        found,
        many.map((id) => id !== ''),
      );
      const deleted = list<{
        task_id: string;
        deleted: boolean | null;
        problem?: ItemAnswer['problem'];
      }>(await api.post('/v1/batch/delete', { task_ids }));
      t.same(details(deleted), named);
      t.same(
        deleted.map((one) => [one.task_id, one.deleted]),
        task_ids.map((id, at) =>
          id === ready || id === started ? [id, true] : [[...shown, started, 'n/a'][at], null],
        ),
      );
    },

    'every outcome comes back byte for byte': async (t, api) => {
      const vectors = loadVectors('outcomes', '.json').map(([name, document]) => ({
        name,
        document,
        taskId: api.taskId(),
      }));
      for (const { taskId, document } of vectors) {
        await api.put(`/v1/tasks/${taskId}/result`, document);
      }
      const task_ids = vectors.map(({ taskId }) => taskId);
      const answer = await get(api, { task_ids, include: 'outcome', with_logs: true });
      for (const { name, document } of vectors) {
        t.ok(answer.body.includes(`,"outcome":${document}}`), name);
      }
    },

    'opaque outcomes are base64 beside their content type': async (t, api) => {
      const taskId = api.taskId();
      const body = Buffer.from([0, 1, 254, 255]);
      const headers = { 'content-type': 'application/x-pickle; v="é"' };
      await api.call('PUT', `/v1/tasks/${taskId}/result`, { body, headers });
      const [entry] = list<Entry>(await get(api, { task_ids: [taskId], include: 'outcome' }));
      t.equal(entry?.outcome_base64, body.toString('base64'));
      t.equal(entry?.outcome, undefined);
      t.match(entry?.content_type, /^application\/x-pickle/);
    },

    'ten thousand ids are answered, and text of any kind with them': async (t, api) => {
      const taskId = api.taskId();
      const meta = JSON.stringify({ text: 'é€😀\u0000\\"'.repeat(20) });
      await api.put(`/v1/tasks/${taskId}/status`, `{"state":"Прогресс 😀","meta":${meta}}`);
      const task_ids = Array.from({ length: 10_000 }, (_, n) => (n % 3 === 0 ? taskId : `no-${n}`));
      for (const include of ['status', 'outcome']) {
        const entries = list<Entry>(await get(api, { task_ids, include }));
        t.same(
          entries.map((entry) => entry.task_id),
          task_ids,
        );
        t.ok(entries.every(({ found }, n) => found === (n % 3 === 0)));
        t.equal(entries[9_999]?.status?.state, 'Прогресс 😀');
        t.match(JSON.stringify(entries[0]?.status), meta);
      }
    },

    'outcomes stop at 64 MiB an answer': async (t, api) => {
      const large = `{"return_value":"${'x'.repeat(8_000_000)}"}`;
      const ids = Array.from({ length: 10 }, () => api.taskId());
      const small = api.taskId();
      for (const id of ids) {
        const { status, text } = await api.put(`/v1/tasks/${id}/result`, large);
        t.equal(status, 201, text);
      }
      await api.put(`/v1/tasks/${small}/result`, SUCCESS);
      const unknown = api.taskId();
      const task_ids = [small, ...ids, small, unknown];
      const answer = await get(api, { task_ids, include: 'outcome' });
      const entries = list<Entry>(answer);
      t.same(
        entries.map((entry) =>
          entry.outcome !== undefined ? 'whole' : entry.outcome_omitted ? 'omitted' : 'none',
        ),
        [...Array(9).fill('whole'), 'omitted', 'omitted', 'omitted', 'none'],
      );
      t.ok(answer.body.length < 64 * 1_024 * 1_024 + 100_000, `${answer.body.length} bytes`);
      t.ok(entries.slice(0, 12).every(({ found }) => found));
      t.match(
        (await get(api, { task_ids: [ids[9]], include: 'outcome' })).text.slice(0, 2_000),
        '"return_value":"xxx',
        'by itself it is there',
      );
      await api.post('/v1/batch/delete', { task_ids: ids });
    },

    'what is not right is refused by name': async (t, api) => {
      const refused: [string, 'invalid-body', RegExp][] = [
        ...REFUSED,
        ['{"task_ids":["a"],"include":"all"}', 'invalid-body', /include.*"all"/],
        ['{"task_ids":["a"],"include":1}', 'invalid-body', /include.*number/],
        ['{"task_ids":["a"],"with_logs":"true"}', 'invalid-body', /with_logs/],
      ];
      for (const [body, code, detail] of refused) {
        isProblem(t, await get(api, body), code, detail, body.slice(0, 100));
      }
      for (const [body, code, detail] of REFUSED) {
        const answer = await api.post('/v1/batch/delete', body);
        isProblem(t, answer, code, detail, `delete ${body.slice(0, 100)}`);
      }
      for (const path of ['/v1/batch/get', '/v1/batch/delete']) {
        const body = '{"task_ids":[]}';
        const plain = await api.post(path, body, { 'content-type': 'text/plain' });
        isProblem(t, plain, 'media-type', /text\/plain/);
        isProblem(t, await api.post(path, body, { origin: 'http://evil.example' }), 'forbidden');
      }
    },

    'delete tells of each id whether it was there, and removes it whole': async (t, api) => {
      const [first, second, unknown] = [api.taskId(), api.taskId(), api.taskId()];
      await api.put(`/v1/tasks/${first}/result`, FAILURE);
      await api.put(`/v1/tasks/${second}/status`, { state: 'STARTED' });
      const answer = await api.post('/v1/batch/delete', {
        task_ids: [second, unknown, first, first],
      });
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(
        answer.text,
        itemsOf(
          `{"task_id":"${second}","deleted":true}`,
          `{"task_id":"${unknown}","deleted":false}`,
          `{"task_id":"${first}","deleted":true}`,
          `{"task_id":"${first}","deleted":false}`,
        ),
      );
      for (const id of [first, second]) t.equal((await api.get(`/v1/tasks/${id}`)).status, 404);
      const ids = Array.from({ length: 2_000 }, () => api.taskId());
      const items = ids.map((id) => `{"task_id":"${id}","outcome":${SUCCESS}}`);
      await setItems(api, items);
      const deleted = list<{ deleted: boolean }>(
        await api.post('/v1/batch/delete', { task_ids: ids }),
      );
      t.equal(deleted.filter((one) => one.deleted).length, 2_000);
    },
  },
};
