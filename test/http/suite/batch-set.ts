/** `POST /v1/batch/set`, as a list and as lines: each item means what its own request would mean. */
import { codeOf, FORMS, type ItemAnswer, lines, NDJSON, sendLines, setItems } from './batches.js';
import { isExactly, isProblem, OTHER, SUCCESS, VERSION } from './expect.js';
import type { Topic } from './topic.js';
import { loadVectors } from './vectors.js';

const FOREIGN = { origin: 'http://evil.example' };

export const batchSet: Topic = {
  name: 'batch set',
  cases: {
    'each kind of item is stored as its own request would store it': async (t, api) => {
      for (const [form, send] of FORMS) {
        const [outcome, exception, status, opaque] = Array.from({ length: 4 }, () => api.taskId());
        const answers = await send(api, [
          `{"outcome":${SUCCESS},"task_id":"${outcome}"}`,
          ` { "task_id" : "${exception}" , "exception" : {"exc_type":"E","execution_time":1.50,"x":1e400} } `,
          `{"task_id":"${status}","progress":{"state":"STARTED","meta":[1.0]},"ttl":3600}`,
          `{"task_id":"${opaque}","opaque":{"content_type":"image/png","base64":"AP8=","is_err":true,"execution_time":2.50},"ttl":"never"}`,
        ]);
        t.same(
          answers.map(({ index, task_id, code }) => [index, task_id, code]),
          [outcome, exception, status, opaque].map((taskId, index) => [index, taskId, 201]),
          form,
        );
        t.equal((await api.get(`/v1/tasks/${outcome}/result`)).text, SUCCESS);
        t.equal(
          (await api.get(`/v1/tasks/${exception}/result`)).text,
          '{"is_err":true,"log":null,"return_value":null,"execution_time":1.50,"labels":{},"error":{"exc_type":"E","x":1e400,"exc_message":[],"exc_module":null}}',
        );
        const progress = await api.get(`/v1/tasks/${status}/status`);
        t.match(progress.text, '"progress":{"state":"STARTED","meta":[1.0]}');
        const { updated_at: updated, expires_at: expires } = progress.json();
        t.equal(Date.parse(String(expires)) - Date.parse(String(updated)), 3_600_000);
        const bytes = await api.get(`/v1/tasks/${opaque}/result`);
        isExactly(t, bytes.body, Buffer.from([0, 255]), 'opaque bytes');
        t.equal(bytes.headers['content-type'], 'image/png');
        const view = await api.get(`/v1/tasks/${opaque}/status`);
        t.match(view.text, '"is_err":true');
        t.match(view.text, '"execution_time":2.50,');
        t.match(view.text, '"expires_at":null');
        for (const { task_id: taskId, version } of answers) {
          const { headers } = await api.get(`/v1/tasks/${taskId}/status`);
          t.equal(headers.etag, `"${version}"`);
        }
      }
    },

    'every vector comes back byte for byte from both forms': async (t, api) => {
      const vectors = loadVectors('outcomes', '.json');
      for (const [form, send] of FORMS) {
        const items = vectors
          .filter(([, document]) => form === 'list' || !document.includes('\n'))
          .map(([name, document]) => ({ name, document, taskId: api.taskId() }));
        t.ok(items.length > 10, `${items.length} vectors`);
        const answers = await send(
          api,
          items.map(({ taskId, document }) => `{"task_id":"${taskId}","outcome":${document}}`),
        );
        for (const [index, { name, document, taskId }] of items.entries()) {
          t.equal(answers[index]?.code, 201, name);
          const read = await api.get(`/v1/tasks/${taskId}/result?with_logs=true`);
          isExactly(t, read.body, document, `${form}: ${name}`);
        }
      }
    },

    'a bad item fails alone, with a whole problem and the status of its own request': async (
      t,
      api,
    ) => {
      for (const [form, send] of FORMS) {
        const taken = api.taskId();
        const { headers } = await api.post(`/v1/tasks/${taken}/result`, SUCCESS);
        const version = headers['task-version'];
        const id = (): string => `"task_id":"${api.taskId()}"`;
        const value = '"outcome":{"return_value":1}';
        const cases: [item: string, status: number, code?: string, detail?: RegExp][] = [
          [`{${id()},${value}}`, 201],
          [`{"task_id":"${taken}",${value}}`, 409, 'outcome-conflict', /SUCCESS/],
          [`{"task_id":"${taken}","outcome":${SUCCESS}}`, 200],
          [`{"task_id":"${taken}",${value},"if_match":"x"}`, 412, 'version-mismatch'],
          [`{"task_id":"a b",${value}}`, 400, 'invalid-task-id', /"a b"/],
          [`{"task_id":7,${value}}`, 400, 'invalid-task-id', /7/],
          [`{${value}}`, 400, 'invalid-body', /task_id/],
          [`{${id()},${value},"tll":"1h","mod":1}`, 400, 'invalid-body', /"tll"/],
          [`{${id()},${id()},${value}}`, 400, 'invalid-body', /task_id.*twice/],
          [`{${id()},"outcome":{"return_vlaue":1}}`, 400, 'invalid-body', /return_vlaue/],
          [`{${id()},${value},"progress":{"state":"A"}}`, 400, 'invalid-body', /exactly one/],
          [`{${id()}}`, 400, 'invalid-body', /exactly one/],
          [`{${id()},${value},"ttl":"0"}`, 400, 'invalid-body', /ttl/],
          [`{${id()},${value},"ttl":1.5}`, 400, 'invalid-body', /1\.5/],
          [`{${id()},${value},"mode":"upsert"}`, 400, 'invalid-body', /upsert/],
          [`{${id()},${value},"if_match":1}`, 400, 'invalid-body', /if_match/],
          [`{${id()},"exception":{"a":1}}`, 400, 'invalid-body', /exc_type/],
          [`{${id()},"progress":{"state":""}}`, 400, 'invalid-body', /state/],
          [opaque(id(), '"content_type":"image/png","base64":"A"'), 400, 'invalid-body', /base64/],
          [opaque(id(), '"content_type":"image/png"'), 400, 'invalid-body', /base64/],
          [opaque(id(), '"base64":"AA==","content_type":"a/b","x":1'), 400, 'invalid-body', /"x"/],
          [opaque(id(), '"base64":"","content_type":"application/json"'), 400, 'invalid-body'],
          [opaque(id(), '"base64":"","content_type":"multipart/form-data"'), 415, 'media-type'],
          [opaque(id(), '"base64":"","content_type":"a/b\\r\\nx: y"'), 415, 'media-type'],
          [`{${id()},"status":{"state":"A"}}`, 400, 'invalid-body', /"status".*"progress"/],
          ['[]', 400, 'invalid-body', /array/],
          ['null', 400, 'invalid-body', /null/],
          [`{${id()},"progress":{"state":"A"}}`, 201],
        ];
        const answers = await send(
          api,
          cases.map(([item]) => item),
        );
        t.equal(answers.length, cases.length, form);
        for (const [index, [item, status, code, detail = /./]] of cases.entries()) {
          const answer = answers[index]!;
          t.equal(answer.index, index);
          t.equal(answer.code, status, `${form}: ${item}`);
          t.equal(codeOf(answer), code, item);
          if (code === undefined) continue;
          t.same(Object.keys(answer), ['index', 'task_id', 'code', 'problem']);
          t.same(Object.keys(answer.problem!), ['type', 'title', 'status', 'detail']);
          t.equal(answer.problem?.status, status);
          t.match(answer.problem?.detail, detail, item);
        }
        t.equal(answers[2]?.version, version, 'a retry changes nothing');
        t.equal(answers[5]?.task_id, null);
      }
    },

    'modes and conditions are those of POST and PUT': async (t, api) => {
      for (const [form, send] of FORMS) {
        const [task, registered] = [api.taskId(), api.taskId()];
        const outcome = (value: string, more = ''): string =>
          `{"task_id":"${task}","outcome":${value}${more}}`;
        const status = (state: string, mode: string): string =>
          `{"task_id":"${registered}","progress":{"state":"${state}"},"mode":"${mode}"}`;
        const first = await send(api, [outcome(SUCCESS, ',"mode":"create"')]);
        const version = first[0]?.version;
        const answers = await send(api, [
          outcome(OTHER, `,"mode":"replace","if_match":"${version}"`),
          outcome(SUCCESS, `,"mode":"replace","if_match":"\\"${version}\\""`),
          outcome(OTHER, ',"mode":"replace","if_match":"*"'),
          status('PENDING', 'create'),
          status('PENDING', 'create'),
          status('STARTED', 'create'),
          status('PENDING', 'create'),
          status('PENDING', 'replace'),
        ]);
        t.same(
          answers.map((answer) => answer.code),
          [200, 412, 200, 201, 200, 200, 200, 200],
          form,
        );
        t.equal(answers[3]?.version, answers[4]?.version, 'registering again changes nothing');
        t.equal(answers[5]?.version, answers[6]?.version, 'nor does it after a start');
        t.not(answers[6]?.version, answers[7]?.version, 'where PUT does');
      }
    },

    'items of one task run in order, whatever else is in the batch': async (t, api) => {
      for (const [form, send] of FORMS) {
        const tasks = Array.from({ length: 7 }, () => api.taskId());
        const items = Array.from({ length: 700 }, (_, n) => ({ task: tasks[n % 7]!, n }));
        const answers = await send(
          api,
          items.map(
            ({ task, n }) =>
              `{"task_id":"${task}","mode":"replace","outcome":{"return_value":${n}}}`,
          ),
        );
        t.ok(answers.every(({ index }, n) => index === n));
        t.same(
          answers.map(({ code }) => code),
          items.map(({ n }) => (n < 7 ? 201 : 200)),
          form,
        );
        for (const [k, task] of tasks.entries()) {
          const versions = answers.filter(({ task_id: id }) => id === task).map((a) => msOf(a));
          t.same(
            versions,
            [...versions].sort((a, b) => a - b),
            'versions only grow',
          );
          const last = await api.get(`/v1/tasks/${task}/result`);
          t.match(last.text, `"return_value":${693 + k},`, 'the last one wins');
        }
      }
    },

    'of two first outcomes the earlier item wins': async (t, api) => {
      for (const [, send] of FORMS) {
        const task = api.taskId();
        const answers = await send(
          api,
          [1, 2, 1].map((n) => `{"task_id":"${task}","outcome":{"return_value":${n}}}`),
        );
        t.same(
          answers.map(({ code }) => code),
          [201, 409, 200],
        );
      }
    },

    'a list that is no JSON is 400 as a whole, and nothing is stored': async (t, api) => {
      const task = api.taskId();
      const item = `{"task_id":"${task}","outcome":${SUCCESS}}`;
      for (const [body, detail = /./] of [
        [`{"items":[${item},]}`],
        [`{"items":[${item}]`],
        [`{"items":[${item}]} x`],
        [`{"items":[${item} ${item}]}`],
        [`{"items":[${item},{"task_id":"b","outcome":{"return_value":01}}]}`],
        [`[${item}]`, /array.*object/],
        [item, /"task_id".*"items"/],
        ['{}', /no "items"/],
        [`{"items":${item}}`, /"items".*object.*list/],
        [`{"items":[${item}],"items":[]}`, /"items".*twice/],
        [`{"items":[${item}],"mode":"create"}`, /"mode"/],
        [''],
        ['null'],
        [`{"items":[${item},"\u0001"]}`],
      ] as [string, RegExp?][]) {
        isProblem(t, await api.post('/v1/batch/set', body), 'invalid-body', detail, body);
      }
      const bad = Buffer.concat([
        Buffer.from(`{"items":[${item},"`),
        Buffer.from([0xff]),
        Buffer.from('"]}'),
      ]);
      isProblem(t, await api.post('/v1/batch/set', bad), 'invalid-body', /UTF-8/);
      const many = Array.from({ length: 10_001 }, () => item);
      isProblem(t, await setItems(api, many), 'invalid-body', /more than 10000/);
      t.equal((await api.get(`/v1/tasks/${task}`)).status, 404);
      t.equal((await setItems(api, [])).text, '{"items":[]}');
    },

    'only JSON and lines are taken, and only from this origin': async (t, api) => {
      const item = `{"task_id":"${api.taskId()}","outcome":${SUCCESS}}`;
      for (const type of ['text/plain', 'application/jsonl', 'application/x-ndjson2']) {
        const answer = await api.post('/v1/batch/set', item, { 'content-type': type });
        isProblem(t, answer, 'media-type', new RegExp(`${type}.*ndjson`));
      }
      const zipped = { ...NDJSON, 'content-encoding': 'gzip' };
      isProblem(t, await api.post('/v1/batch/set', item, zipped), 'media-type', /gzip/);
      const latin = { 'content-type': 'application/x-ndjson; charset=latin1' };
      isProblem(t, await api.post('/v1/batch/set', item, latin), 'media-type', /latin1.*UTF-8/);
      isProblem(t, await api.post('/v1/batch/set', item, { ...NDJSON, ...FOREIGN }), 'forbidden');
      const named = { 'content-type': 'Application/X-NDJSON; charset=utf-8' };
      const answer = await api.post('/v1/batch/set', item, named);
      t.equal(answer.headers['content-type'], 'application/x-ndjson');
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(lines(answer)[0]?.code, 201);
    },

    'lines elsewhere are an opaque outcome like any other': async (t, api) => {
      const path = api.path();
      const body = '{"a":1}\n{"a":2}\n';
      t.equal((await api.call('PUT', `${path}/result`, { body, headers: NDJSON })).status, 201);
      t.equal((await api.get(`${path}/result`)).text, body);
    },

    'a line may be bad in every way, and is answered alone': async (t, api) => {
      const [first, last] = [api.taskId(), api.taskId()];
      const good = (task: string): Buffer =>
        Buffer.from(`{"task_id":"${task}","outcome":${SUCCESS}}`);
      const parts = [
        good(first),
        Buffer.from('not json'),
        Buffer.from(''),
        Buffer.from(' \t\r'),
        Buffer.from([0x22, 0xff, 0x22]),
        Buffer.from('\ufeff{}'),
        Buffer.from('[['.repeat(2_000)),
        Buffer.from('{"task_id":"x"'),
        Buffer.concat([good(last), Buffer.from('\r')]),
      ];
      const text = Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')]));
      const answers = lines(await sendLines(api, text));
      t.same(
        answers.map(({ code }) => code),
        [201, 400, 400, 400, 400, 400, 201],
      );
      t.same(
        answers.map(({ index }) => index),
        [0, 1, 2, 3, 4, 5, 6],
      );
      t.equal((await sendLines(api, '')).text, '');
      t.equal((await sendLines(api, '\n\n \n')).text, '');
    },

    'a line beyond the body limit fails alone, and the next one is read': async (t, api) => {
      const small = await api.withOptions(t, { bodyLimit: 200 });
      const long = `{"task_id":"long","outcome":{"return_value":"${'x'.repeat(300_000)}"}}`;
      const good = (task: string): string => `{"task_id":"${task}","outcome":{"return_value":1}}`;
      const exact = good('exact').padEnd(200);
      const text = [long, good('a'), exact, `${exact} `, good('b'), long].join('\n');
      const answers = lines(await sendLines(small, text));
      t.same(
        answers.map(({ code, task_id: id }) => [code, id]),
        [
          [413, null],
          [201, 'a'],
          [201, 'exact'],
          [413, null],
          [201, 'b'],
          [413, null],
        ],
      );
      t.match(answers[0]?.problem?.detail, /200 bytes/);
      t.equal((await small.get('/v1/tasks/long')).status, 404);
      isProblem(t, await setItems(small, [long]), 'too-large');
    },

    'an outcome may be as deep in a batch as by itself': async (t, api) => {
      const deep = (levels: number): string =>
        `{"return_value":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
      for (const [form, send] of FORMS) {
        const task = api.taskId();
        const answers = await send(api, [`{"task_id":"${task}","outcome":${deep(1_000)}}`]);
        t.equal(answers[0]?.code, 201, form);
        const { text } = await api.get(`/v1/tasks/${task}/result`);
        t.ok(text.includes(deep(1_000).slice(1, -1)), 'the whole of it');
      }
      const tooDeep = `{"task_id":"${api.taskId()}","outcome":${deep(1_001)}}`;
      t.equal(lines(await sendLines(api, tooDeep))[0]?.code, 400);
    },
  },
};

function opaque(id: string, members: string): string {
  return `{${id},"opaque":{${members}}}`;
}

function msOf({ version }: ItemAnswer): number {
  if (!VERSION.test(version ?? '')) throw new Error(`${version} is not a version`);
  return Number(version!.split('-')[0]);
}
