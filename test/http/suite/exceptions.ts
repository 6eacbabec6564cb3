/** `POST`, `PUT`, `GET` and `HEAD` of `…/exception`. */
import {
  ERROR,
  FAILURE,
  hasReadHeaders,
  hasWriteHeaders,
  isExactly,
  isHeadOf,
  isProblem,
  isView,
  OTHER,
  SUCCESS,
} from './expect.js';
import type { Topic } from './topic.js';

const envelope = (error: string, { log = 'null', time = '0', labels = '{}' } = {}): string =>
  `{"is_err":true,"log":${log},"return_value":null,"execution_time":${time},"labels":${labels},"error":${error}}`;

export const exceptions: Topic = {
  name: 'exceptions',
  cases: {
    'POST is 201, a retry 200, another outcome 409': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const first = await api.post(`${path}/exception`, ERROR);
      t.equal(first.status, 201);
      hasWriteHeaders(t, first, 'FAILURE', `${path}/result`);
      const stored = envelope(ERROR);
      isView(t, first, {
        taskId,
        state: 'FAILURE',
        isErr: true,
        size: stored.length,
        executionTime: '0',
      });
      isExactly(t, (await api.get(`${path}/result`)).body, stored, 'the envelope');
      const retry = await api.post(`${path}/exception`, ERROR);
      t.equal(retry.status, 200);
      t.equal(retry.text, first.text);
      const asResult = await api.post(`${path}/result`, stored);
      t.equal(asResult.status, 200, 'the same outcome by the other road is a retry too');
      t.equal(asResult.text, first.text);
      isProblem(t, await api.post(`${path}/exception`, { exc_type: 'E' }), 'outcome-conflict');
      isProblem(t, await api.post(`${path}/result`, SUCCESS), 'outcome-conflict', /FAILURE/);
    },

    'PUT is 201, then 200, and replaces a success': async (t, api) => {
      const path = api.path();
      t.equal((await api.put(`${path}/exception`, ERROR)).status, 201);
      await api.put(`${path}/result`, OTHER);
      const answer = await api.put(`${path}/exception`, ERROR);
      t.equal(answer.status, 200);
      hasWriteHeaders(t, answer, 'FAILURE');
      t.equal((await api.get(`${path}/result`)).text, envelope(ERROR));
    },

    'log, labels and execution_time are lifted out, wherever they stand; the rest keeps its order':
      async (t, api) => {
        const bodies: [body: string, stored: string][] = [
          [
            '{"execution_time":1.50,"exc_type":"E","log":"l\\u00e9","zeta":1.0,"labels":{"b":1,"a":2e0},"alpha":[ ]}',
            envelope('{"exc_type":"E","zeta":1.0,"alpha":[ ],"exc_message":[],"exc_module":null}', {
              log: '"l\\u00e9"',
              time: '1.50',
              labels: '{"b":1,"a":2e0}',
            }),
          ],
          [
            '{ "labels" : {"x": 1} , "exc_message" : "boom", "exc_module":"m", "exc_type":"E", "log":null,"execution_time":-0.0 }',
            envelope('{"exc_message":["boom"],"exc_module":"m","exc_type":"E"}', {
              time: '-0.0',
              labels: '{"x": 1}',
            }),
          ],
          [
            '{"exc_type":"E","is_err":false,"return_value":7,"error":null,"traceback":"Traceback\\n…"}',
            envelope(
              '{"exc_type":"E","is_err":false,"return_value":7,"error":null,"traceback":"Traceback\\n…","exc_message":[],"exc_module":null}',
            ),
          ],
          [
            '{"exc_type":"A","exc_message":{"a":1},"exc_cause":{"exc_type":"B","exc_message":"b","exc_context":{"exc_type":"C"},"log":"kept"},"exc_module":null}',
            envelope(
              '{"exc_type":"A","exc_message":{"a":1},"exc_cause":{"exc_type":"B","exc_message":["b"],"exc_context":{"exc_type":"C","exc_message":[],"exc_module":null},"log":"kept","exc_module":null},"exc_module":null}',
            ),
          ],
        ];
        for (const [body, stored] of bodies) {
          const path = api.path();
          t.equal((await api.post(`${path}/exception`, body)).status, 201, body);
          isExactly(t, (await api.get(`${path}/result?with_logs=true`)).body, stored, body);
          const error = stored.slice(stored.indexOf('"error":{') + 8, -1);
          isExactly(t, (await api.get(`${path}/exception`)).body, error, 'the exception alone');
        }
      },

    'what is no exception is refused by name, and nothing is stored': async (t, api) => {
      const bodies: [body: string, detail: RegExp][] = [
        ['', /empty/],
        ['{}', /exc_type/],
        ['{"exc_tpye":"E"}', /exc_type.*exc_tpye/],
        ['{"exc_type":5}', /exc_type.*number.*string/],
        ['{"exc_type":null}', /exc_type.*null/],
        ['{"exc_type":"E","exc_cause":"boom"}', /exc_cause.*string/],
        ['{"exc_type":"E","exc_context":[]}', /exc_context.*array/],
        ['{"exc_type":"E","exc_cause":{"exc_message":"b"}}', /exc_cause.*exc_type/],
        ['{"exc_type":"E","exc_cause":{"exc_type":"F","exc_context":{}}}', /exc_context.*exc_type/],
        ['{"exc_type":"E","exc_type":"F"}', /exc_type.*twice/],
        ['{"exc_type":"E","log":"a","log":"b"}', /log.*twice/],
        ['{"exc_type":"E","log":5}', /log.*number/],
        ['{"exc_type":"E","labels":[]}', /labels.*array/],
        ['{"exc_type":"E","execution_time":"1"}', /execution_time.*string/],
        ['"E"', /string/],
        ['null', /null/],
        ['{"exc_type":"E"}{}', /end of the body/],
        [`${'{"exc_type":"E","exc_cause":'.repeat(1_001)}null${'}'.repeat(1_001)}`, /1000 levels/],
      ];
      for (const [body, detail] of bodies) {
        for (const method of ['post', 'put'] as const) {
          const path = api.path();
          isProblem(t, await api[method](`${path}/exception`, body), 'invalid-body', detail, body);
          t.equal((await api.get(path)).status, 404, 'nothing was stored');
        }
      }
    },

    'a chain of causes of the deepest allowed kind is kept': async (t, api) => {
      const path = api.path();
      const depth = 999;
      const member = '"exc_type":"E","exc_message":[],"exc_module":null';
      const chain = `${`{${member},"exc_cause":`.repeat(depth - 1)}{${member}}${'}'.repeat(depth - 1)}`;
      t.equal((await api.post(`${path}/exception`, chain)).status, 201);
      t.equal((await api.get(`${path}/exception`)).text, chain);
    },

    'GET answers the error, 204 where it finished well, 202 before, 404 unknown': async (
      t,
      api,
    ) => {
      const path = api.path();
      await api.put(`${path}/status`, { state: 'STARTED' });
      const pending = await api.get(`${path}/exception`);
      t.equal(pending.status, 202);
      t.equal(pending.headers['retry-after'], '1');
      t.equal(pending.headers.location, `${path}/status`);
      hasReadHeaders(t, pending, 'STARTED');
      isHeadOf(t, await api.head(`${path}/exception`), pending, 'HEAD of 202');

      await api.put(`${path}/result`, SUCCESS);
      const well = await api.get(`${path}/exception`);
      t.equal(well.status, 204);
      t.equal(well.text, '');
      hasReadHeaders(t, well, 'SUCCESS');
      isHeadOf(t, await api.head(`${path}/exception`), well, 'HEAD of 204');

      await api.put(`${path}/result`, FAILURE);
      const failed = await api.get(`${path}/exception`);
      t.equal(failed.status, 200);
      t.equal(failed.headers['content-type'], 'application/json');
      hasReadHeaders(t, failed, 'FAILURE');
      isExactly(t, failed.body, ERROR, 'the error');
      isHeadOf(t, await api.head(`${path}/exception`), failed, 'HEAD of 200');
      isProblem(t, await api.get(`${api.path()}/exception`), 'task-unknown');
    },

    'the exception is null where is_err came without one, and there beside a success': async (
      t,
      api,
    ) => {
      const path = api.path();
      await api.put(`${path}/result`, { is_err: true });
      const bare = await api.get(`${path}/exception`);
      t.equal(bare.status, 200);
      t.equal(bare.text, 'null');
      t.equal(bare.headers['content-type'], 'application/json');
      await api.put(`${path}/result`, FAILURE.replace('"is_err":true', '"is_err":false'));
      const beside = await api.get(`${path}/exception`);
      t.equal(beside.status, 200);
      t.equal(beside.text, ERROR);
      t.equal(beside.headers['task-state'], 'SUCCESS');
    },
  },
};
