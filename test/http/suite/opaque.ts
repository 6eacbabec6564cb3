/** Outcomes that are not JSON: kept as bytes with their content type. */

import { setItems } from './batches.js';
import {
  hasReadHeaders,
  hasWriteHeaders,
  isExactly,
  isHeadOf,
  isProblem,
  isView,
  SUCCESS,
} from './expect.js';
import type { Api, Topic } from './topic.js';

const PICKLE = Buffer.from('80059516000000000000007d94288c036b657994', 'hex');
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

/** Content types that are opaque, each with a body. */
const OPAQUE: readonly [contentType: string, body: Buffer][] = [
  ['application/x-python-pickle', PICKLE],
  ['application/msgpack', EVERY_BYTE],
  ['application/cbor', Buffer.from('a10102', 'hex')],
  ['image/png', EVERY_BYTE],
  ['text/html', Buffer.from('<script>alert(1)</script>')],
  ['text/plain; charset=iso-8859-1', Buffer.from([0xe9])],
  ['application/ld+json', Buffer.from('{"not": json')],
  ['application/vnd.api+json; profile="x"', Buffer.from('{}')],
  ['application/json-seq', Buffer.from('{}')],
  ['application/x-ndjson', Buffer.from('{}\n')],
  ['text/json', Buffer.from('{}')],
  ['Application/Octet-Stream', Buffer.alloc(0)],
  ['application/octet-stream;v=1', EVERY_BYTE],
];

const send = (
  api: Api,
  method: string,
  target: string,
  contentType: string,
  body: string | Buffer,
) => api.call(method, target, { body, headers: { 'content-type': contentType } });

export const opaque: Topic = {
  name: 'opaque outcomes',
  cases: {
    'any other type comes back as the bytes that were sent, with its type, guarded': async (
      t,
      api,
    ) => {
      for (const [contentType, body] of OPAQUE) {
        const taskId = api.taskId();
        const path = `/v1/tasks/${taskId}`;
        const stored = await send(api, 'POST', `${path}/result`, contentType, body);
        t.equal(stored.status, 201, contentType);
        hasWriteHeaders(t, stored, 'SUCCESS', `${path}/result`);
        const view = {
          taskId,
          state: 'SUCCESS',
          isErr: false,
          contentType,
          size: body.length,
          executionTime: '0',
        };
        isView(t, stored, view);
        const answer = await api.get(`${path}/result`);
        t.equal(answer.status, 200);
        isExactly(t, answer.body, body, contentType);
        t.equal(answer.headers['content-type'], contentType);
        t.equal(answer.headers['content-length'], String(body.length));
        t.equal(answer.headers['x-content-type-options'], 'nosniff');
        t.equal(answer.headers['content-disposition'], 'attachment');
        t.equal(answer.headers['content-security-policy'], 'sandbox');
        hasReadHeaders(t, answer, 'SUCCESS');
        isHeadOf(t, await api.head(`${path}/result`), answer, `HEAD ${contentType}`);
        const logged = await api.get(`${path}/result?with_logs=true`);
        isExactly(t, logged.body, body, 'with_logs changes nothing');
        const task = await api.get(path);
        isView(t, task, { ...view, embedded: `,"outcome_base64":"${body.toString('base64')}"` });
        isHeadOf(t, await api.head(path), task, `HEAD of the task, ${contentType}`);
        const consumed = await api.consume(path);
        isExactly(t, consumed.body, body, 'consumed');
        t.equal(consumed.headers['content-type'], contentType);
        t.equal(consumed.headers['x-content-type-options'], 'nosniff');
      }
    },

    'JSON is exactly application/json, its parameters and letters aside': async (t, api) => {
      for (const contentType of [
        'application/json',
        'APPLICATION/JSON',
        'application/json;charset=utf-8',
        'application/json; charset="UTF-8"',
        'application/json ; charset=utf8',
        'application/json; profile=x',
      ]) {
        const path = api.path();
        const answer = await send(api, 'PUT', `${path}/result`, contentType, '{"return_value":1}');
        t.equal(answer.status, 201, contentType);
        const read = await api.get(`${path}/result`);
        t.equal(read.headers['content-type'], 'application/json');
        t.match(read.text, '"return_value":1,');
        for (const other of ['exception', 'status'] as const) {
          const body = other === 'exception' ? '{"exc_type":"E"}' : '{"state":"STARTED"}';
          const written = await send(api, 'PUT', `${path}/${other}`, contentType, body);
          t.ok(written.status < 300, `${other} ${contentType}`);
        }
      }
    },

    'is_err and execution_time stand beside an opaque outcome': async (t, api) => {
      const taskId = api.taskId();
      const path = `/v1/tasks/${taskId}`;
      const query = '?is_err=true&execution_time=1.50';
      const answer = await send(api, 'PUT', `${path}/result${query}`, 'image/png', 'bytes');
      isView(t, answer, {
        taskId,
        state: 'FAILURE',
        isErr: true,
        contentType: 'image/png',
        size: 5,
        executionTime: '1.50',
      });
      const exception = await api.get(`${path}/exception`);
      t.equal(exception.status, 200);
      t.equal(exception.text, 'null', 'an opaque failure has no exception to show');
      t.equal(exception.headers['content-type'], 'application/json');
      await send(api, 'PUT', `${path}/result?is_err=false`, 'image/png', 'bytes');
      t.equal((await api.get(`${path}/exception`)).status, 204);
      for (const time of ['0', '-0.0', '1e400', '1E+2', '0.10']) {
        const value = encodeURIComponent(time);
        await send(api, 'PUT', `${path}/result?execution_time=${value}`, 'image/png', '');
        t.match((await api.get(`${path}/status`)).text, `"execution_time":${time},"created_at"`);
      }
    },

    'a bad is_err or execution_time, and either beside JSON, is 400': async (t, api) => {
      const bad = [
        'is_err=TRUE',
        'is_err=1',
        'is_err=',
        'is_err=true&is_err=true',
        'execution_time=',
        'execution_time=fast',
        'execution_time=01',
        'execution_time=1.',
        'execution_time=.5',
        'execution_time=0x10',
        'execution_time=Infinity',
        'execution_time=NaN',
      ];
      for (const query of bad) {
        const path = api.path();
        const answer = await send(api, 'PUT', `${path}/result?${query}`, 'image/png', 'x');
        isProblem(t, answer, 'invalid-parameter', new RegExp(query.split('=')[0]!), query);
        t.equal((await api.get(path)).status, 404);
      }
      for (const query of ['is_err=true', 'is_err=false', 'execution_time=1']) {
        for (const method of ['post', 'put'] as const) {
          const path = api.path();
          const answer = await api[method](`${path}/result?${query}`, SUCCESS);
          isProblem(t, answer, 'invalid-parameter', new RegExp(query.split('=')[0]!), query);
          t.equal((await api.get(path)).status, 404);
        }
      }
    },

    'the same opaque outcome: type with its parameters, bytes, is_err and time; nothing else':
      async (t, api) => {
        const path = api.path();
        const target = `${path}/result?execution_time=1`;
        const first = await send(api, 'POST', target, 'image/png; v=1', 'bytes');
        t.equal(first.status, 201);
        for (const [query, contentType] of [
          ['?execution_time=1', 'image/png; v=1'],
          ['?execution_time=1&ttl=1h', 'image/png; v=1'],
          ['?execution_time=1&is_err=false', 'image/png; v=1'],
        ] as const) {
          const again = await send(api, 'POST', `${path}/result${query}`, contentType, 'bytes');
          t.equal(again.status, 200, `${query} ${contentType}`);
          t.equal(again.text, first.text);
        }
        for (const [query, contentType, body] of [
          ['?execution_time=1', 'image/png; v=1', 'other'],
          ['?execution_time=1', 'image/jpeg; v=1', 'bytes'],
          ['?execution_time=1', 'image/png; v=2', 'bytes'],
          ['?execution_time=1', 'image/png', 'bytes'],
          ['?execution_time=2', 'image/png; v=1', 'bytes'],
          ['', 'image/png; v=1', 'bytes'],
          ['?execution_time=1&is_err=true', 'image/png; v=1', 'bytes'],
        ] as const) {
          const other = await send(api, 'POST', `${path}/result${query}`, contentType, body);
          isProblem(t, other, 'outcome-conflict', /./, `${query} ${contentType} ${body}`);
        }
        isProblem(t, await api.post(`${path}/result`, SUCCESS), 'outcome-conflict');
      },

    'a body that does not say what it is, or is encoded, is 415 with the way out': async (
      t,
      api,
    ) => {
      const bad: Record<string, string>[] = [
        {},
        { 'content-type': '' },
        { 'content-type': 'application/x-www-form-urlencoded' },
        { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' },
        { 'content-type': 'multipart/form-data; boundary=x' },
        { 'content-type': 'json' },
        { 'content-type': '/' },
        { 'content-type': 'application/' },
        { 'content-type': 'application/json; charset=latin1' },
        { 'content-type': 'application/json;charset="iso-8859-1"' },
        { 'content-type': 'application/json; CHARSET=utf-16' },
        { 'content-type': 'application/json', 'content-encoding': 'gzip' },
        { 'content-type': 'image/png', 'content-encoding': 'br' },
        { 'content-type': 'image/png', 'content-encoding': 'identity, gzip' },
      ];
      const routes: [method: string, route: string, body: string][] = [
        ['POST', 'result', SUCCESS],
        ['PUT', 'result', SUCCESS],
        ['POST', 'exception', '{"exc_type":"E"}'],
        ['PUT', 'exception', '{"exc_type":"E"}'],
        ['POST', 'status', '{"state":"STARTED"}'],
        ['PUT', 'status', '{"state":"STARTED"}'],
        ['PUT', 'expiry', '{"ttl":"1h"}'],
      ];
      for (const headers of bad) {
        for (const [method, route, body] of routes) {
          const path = api.path();
          const answer = await api.call(method, `${path}/${route}`, { body, headers });
          const message = `${method} ${route} ${JSON.stringify(headers)}`;
          const encoding = headers['content-encoding'];
          const advice =
            encoding === undefined
              ? /add -H 'Content-Type: application\/json'/
              : new RegExp(`"${encoding}".* without -H 'Content-Encoding: ${encoding}'`);
          isProblem(t, answer, 'media-type', advice, message);
          t.equal((await api.get(path)).status, 404, 'nothing was stored');
        }
      }
      const identity = { 'content-type': 'application/json', 'content-encoding': 'Identity' };
      const taken = await api.call('PUT', `${api.path()}/result`, {
        body: SUCCESS,
        headers: identity,
      });
      t.equal(taken.status, 201);
    },

    'a type or a time that is too long to be repeated in every answer is refused': async (
      t,
      api,
    ) => {
      const path = api.path();
      const type = (length: number) => `a/${'b'.repeat(length - 2)}`;
      const long = await send(api, 'PUT', `${path}/result`, type(1_025), 'x');
      isProblem(t, long, 'media-type', /longer than 1024/);
      const item = `{"task_id":"x","opaque":{"content_type":"${type(1_025)}","base64":""}}`;
      t.match((await setItems(api, [item])).json(), { items: [{ code: 415 }] });
      const digits = (length: number) => `1.${'0'.repeat(length - 2)}`;
      const time = await send(
        api,
        'PUT',
        `${path}/result?execution_time=${digits(1_025)}`,
        'a/b',
        'x',
      );
      isProblem(t, time, 'invalid-body', /1025 characters/);
      const body = `{"return_value":1,"execution_time":${digits(1_025)}}`;
      const inJson = await send(api, 'PUT', `${path}/result`, 'application/json', body);
      isProblem(t, inJson, 'invalid-body', /1025 characters/);
      t.equal((await api.get(path)).status, 404, 'nothing was stored');
      const target = `${path}/result?execution_time=${digits(1_024)}`;
      t.equal((await send(api, 'PUT', target, type(1_024), 'x')).status, 201);
    },

    'the routes that are not …/result take JSON only': async (t, api) => {
      for (const contentType of ['text/plain', 'application/ld+json', 'application/msgpack']) {
        for (const [method, route] of [
          ['POST', 'exception'],
          ['PUT', 'exception'],
          ['POST', 'status'],
          ['PUT', 'status'],
          ['PUT', 'expiry'],
        ] as const) {
          const path = api.path();
          const answer = await send(api, method, `${path}/${route}`, contentType, '{}');
          isProblem(t, answer, 'media-type', new RegExp(contentType.replace('+', '\\+')));
          t.equal((await api.get(path)).status, 404);
        }
      }
    },

    'Accept is ignored': async (t, api) => {
      const path = api.path();
      await send(api, 'PUT', `${path}/result`, 'image/png', 'bytes');
      const answer = await api.get(`${path}/result`, { accept: 'application/xml' });
      t.equal(answer.status, 200);
      t.equal(answer.text, 'bytes');
    },
  },
};
