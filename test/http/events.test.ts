/** Events over real HTTP: an EventSource that follows the standard, and sockets by hand. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { EventClient } from '../support/event-client.js';
import { brief, eventsIn } from '../support/event-text.js';
import { RawConnection } from '../support/raw-http.js';
import { freePort } from '../support/redis-server.js';
import { Service, type ServiceOptions } from '../support/service.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { isProblem } from './suite/expect.js';

const SUCCESS = { return_value: 1 };
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

const start = (t: Test, options: ServiceOptions = {}) => Service.start(t, 'memory:', options);

const report = (service: Service, taskId: string, body: unknown = SUCCESS) =>
  service.call('PUT', `/v1/tasks/${taskId}/result`, { body });

const progress = (service: Service, taskId: string, state: string, meta: unknown = null) =>
  service.call('PUT', `/v1/tasks/${taskId}/status`, { body: { state, meta } });

/** Opens a stream; what has come of it so far. */
async function openText(
  t: Test,
  service: Service,
  path: string,
  headers: Record<string, string>,
): Promise<() => string> {
  const { body } = await service.open('GET', path, { headers });
  let text = '';
  body.setEncoding('utf8');
  body.on('error', () => {});
  body.on('data', (chunk: string) => {
    text += chunk;
  });
  t.teardown(() => {
    body.destroy();
  });
  return () => text;
}

t.test('an EventSource follows all tasks', async (t) => {
  const service = await start(t);
  const client = await EventClient.open(t, `${service.origin}/v1/events`);
  await progress(service, 'a', 'STARTED', { done: 1 });
  await client.hears(t, ['a STARTED'], 'progress');
  await service.call('PUT', '/v1/tasks/a/result', {
    body: '{"return_value":1,"execution_time":1.50}',
    headers: { 'content-type': 'application/json' },
  });
  await client.hears(t, ['a STARTED', 'a SUCCESS'], 'the outcome');
  const view = await service.call('GET', '/v1/tasks/a/status');
  t.equal(client.events[1]!.data, view.text, 'the status view, byte for byte');
  t.match(view.text, '"execution_time":1.50');
  await service.call('DELETE', '/v1/tasks/a');
  await client.hears(t, ['a STARTED', 'a SUCCESS', 'a removed'], 'its end');
  t.equal(client.opened, 1);
});

t.test('an EventSource follows some tasks, in some states', async (t) => {
  const service = await start(t);
  const query = 'task_id=a&task_id=b&state=SUCCESS&state=w%C3%A4hrend';
  const some = await EventClient.open(t, `${service.origin}/v1/events?${query}`);
  const one = await EventClient.open(t, `${service.origin}/v1/events?task_id=c`);
  await progress(service, 'a', 'während');
  await some.hears(t, ['a während'], 'a state of its own');
  await progress(service, 'b', 'STARTED');
  await report(service, 'c');
  await one.hears(t, ['c SUCCESS'], 'the other task');
  await report(service, 'b');
  await some.hears(t, ['a während', 'b SUCCESS'], 'nothing else');
});

t.test('an EventSource follows one task from its present status on', async (t) => {
  const service = await start(t);
  await progress(service, 'a', 'STARTED');
  const known = await EventClient.open(t, `${service.origin}/v1/tasks/a/events`);
  const unknown = await EventClient.open(t, `${service.origin}/v1/tasks/b/events`);
  await known.hears(t, ['a STARTED'], 'the present');
  await report(service, 'b');
  await unknown.hears(t, ['b SUCCESS'], 'an unknown task is waited for');
  await report(service, 'a');
  await known.hears(t, ['a STARTED', 'a SUCCESS'], 'it stays open');
});

t.test('an EventSource that is cut off comes back and has missed nothing', async (t) => {
  const service = await start(t);
  const client = await EventClient.open(t, `${service.origin}/v1/events`);
  const told: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    await report(service, `before-${round}`);
    told.push(`before-${round} SUCCESS`);
    await client.hears(t, told, 'while connected');
    service.app.http.server.closeAllConnections();
    await until('it is cut off', () => service.app.events.readers === 0);
    await report(service, `meanwhile-${round}`);
    told.push(`meanwhile-${round} SUCCESS`);
    await client.hears(t, told, 'after it has come back');
    t.equal(client.askedFrom.at(-1), client.events.at(-2)?.id, 'it says what it had');
  }
  t.equal(new Set(client.events.map(({ id }) => id)).size, told.length, 'each has an id');
});

t.test('after a crash of the service an EventSource is told to read anew', async (t) => {
  const flags = ['--backend', 'memory:', '--port', String(await freePort())];
  const before = await ServiceProcess.start(t, { flags });
  const client = await EventClient.open(t, `${before.origin}/v1/events`);
  const report = () =>
    fetch(`${before.origin}/v1/tasks/a/exception`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"exc_type":"ValueError"}',
    });
  await report();
  await client.hears(t, ['a FAILURE'], 'before');
  before.signal('SIGKILL');
  await before.exited;
  await ServiceProcess.start(t, { flags });
  await client.hears(t, ['a FAILURE', 'reset unknown-epoch'], 'it has come back by itself');
  await report();
  await client.hears(t, ['a FAILURE', 'reset unknown-epoch', 'a FAILURE'], 'and goes on');
});

t.test('the header wins over the parameter, and an id of nobody is a reset', async (t) => {
  const service = await start(t);
  const client = await EventClient.open(t, `${service.origin}/v1/events`);
  for (const taskId of ['a', 'b']) await report(service, taskId);
  await client.until(() => client.told.includes('b SUCCESS'));
  const [first = '', second = ''] = ['a', 'b'].map(
    (taskId) => client.events.find((event) => brief(event) === `${taskId} SUCCESS`)?.id,
  );
  const cases: [query: string, header: string | undefined, told: string[]][] = [
    [`?last_event_id=${first}`, undefined, ['b SUCCESS']],
    [`?last_event_id=${first}`, second, []],
    [`?last_event_id=${second}`, first, ['b SUCCESS']],
    [`?last_event_id=${first}`, '', ['b SUCCESS']],
    ['', 'bogus', ['reset unknown-epoch']],
    ['?last_event_id=1', undefined, ['reset unknown-epoch']],
    ['?last_event_id=%00%22{', undefined, ['reset unknown-epoch']],
    [`?last_event_id=${'x'.repeat(1_000)}`, undefined, ['reset unknown-epoch']],
    [`?last_event_id=${first}x`, undefined, ['reset unknown-epoch']],
    ['', `${first}0000`, ['reset gap']],
  ];
  const streams = await Promise.all(
    cases.map(([query, header]) =>
      openText(
        t,
        service,
        `/v1/events${query}`,
        header === undefined ? {} : { 'last-event-id': header },
      ),
    ),
  );
  await report(service, 'next');
  for (const [index, text] of streams.entries()) {
    const [query, header, told] = cases[index]!;
    await until('all go on', () => text().includes('"next"'));
    t.same(eventsIn(text()).map(brief), [...told, 'next SUCCESS'], `${query} ${header}`);
  }
});

t.test('the answer has the headers of a stream, and HEAD says the same', async (t) => {
  const service = await start(t);
  for (const path of ['/v1/events', '/v1/tasks/a/events']) {
    const { statusCode, headers, body } = await service.open('GET', path);
    t.equal(statusCode, 200);
    t.match(headers, HEADERS, path);
    body.on('error', () => {});
    body.destroy();
    const head = await service.call('HEAD', path);
    t.equal(head.status, 200);
    t.match(head.headers, HEADERS, `HEAD ${path}`);
    t.equal(head.headers['content-length'], undefined);
  }
  await until('nobody is left', () => service.app.events.readers === 0);
});

t.test('bad parameters and wrong methods are problems', async (t) => {
  const service = await start(t);
  const refused = {
    'task_id=a/b': ['invalid-task-id', /a\/b/],
    'task_id=a&task_id=': ['invalid-task-id', /"" is not valid/],
    'task_id=.': ['invalid-task-id', /"\."/],
    [`task_id=${'x'.repeat(256)}`]: ['invalid-task-id', /xxx/],
    'state=': ['invalid-parameter', /state.*1 to 64/],
    'state=A&state=%00': ['invalid-parameter', /state/],
    [`state=${'x'.repeat(65)}`]: ['invalid-parameter', /state/],
    'last_event_id=a&last_event_id=b': ['invalid-parameter', /more than once/],
  } as const;
  for (const [query, [code, detail]] of Object.entries(refused)) {
    isProblem(t, await service.call('GET', `/v1/events?${query}`), code, detail, query);
  }
  isProblem(t, await service.call('GET', '/v1/tasks/a%20b/events'), 'invalid-task-id');
  for (const path of ['/v1/events', '/v1/tasks/a/events']) {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await service.call(method, path);
      isProblem(t, answer, 'method-not-allowed', /./, `${method} ${path}`);
      t.equal(answer.headers.allow, 'GET, HEAD');
    }
  }
  t.equal(service.app.events.readers, 0);
});

t.test('one stream too many is 503, and the others go on', async (t) => {
  const service = await start(t, { maxEventReaders: 1 });
  const client = await EventClient.open(t, `${service.origin}/v1/events`);
  isProblem(t, await service.call('GET', '/v1/events'), 'overloaded', /1 event stream/);
  isProblem(t, await service.call('GET', '/v1/tasks/a/events'), 'overloaded');
  await report(service, 'a');
  await client.hears(t, ['a SUCCESS'], 'the first one');
  client.source.close();
  await until('it has gone', () => service.app.events.readers === 0);
  await EventClient.open(t, `${service.origin}/v1/events`);
});

t.test('clients that vanish leave nothing behind', async (t) => {
  const service = await start(t);
  const sockets = Array.from({ length: 200 }, (_, index) => {
    const socket = connect(service.port, '127.0.0.1');
    socket.on('error', () => {});
    const path = index % 2 === 0 ? '/v1/events' : `/v1/tasks/${index}/events`;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  });
  await until('all are there', () => service.app.events.readers === 200);
  await report(service, 'a');
  for (const [index, socket] of sockets.entries()) {
    if (index % 3 === 0) socket.resetAndDestroy();
    else if (index % 3 === 1) socket.destroy();
    else socket.end();
  }
  await until('all have gone', () => service.app.events.readers === 0);
  t.equal((await service.call('GET', '/v1/tasks/a/status')).status, 200, 'it goes on');
});

t.test('a comment comes now and then', async (t) => {
  const service = await start(t, { eventHeartbeatMs: 50 });
  const raw = await RawConnection.open(t, service.port);
  raw.send('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until('three comments', () => raw.received.split('\n:\n\n').length > 3);
  t.match(raw.received, /^HTTP\/1\.1 200 OK\r\n/);
});

t.test('HTTP/1.0 is served as well, up to the end of the connection', async (t) => {
  const service = await start(t);
  const raw = await RawConnection.open(t, service.port);
  raw.send('GET /v1/tasks/a/events HTTP/1.0\r\n\r\n');
  await until('it is open', () => raw.received.includes('retry:'));
  await report(service, 'a');
  await until('an event', () => raw.received.includes('event: status'));
  t.notMatch(raw.received, /transfer-encoding/i);
  await service.app.drain(0);
  await raw.ended();
});

t.test('a reader that stops reading is closed, and takes no memory', async (t) => {
  const service = await start(t, { maxLoggedEvents: 200 });
  const reads = await EventClient.open(t, `${service.origin}/v1/events`);
  const stuck = connect(service.port, '127.0.0.1');
  t.teardown(() => {
    stuck.destroy();
  });
  stuck.on('error', () => {});
  stuck.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  stuck.pause();
  const { events } = service.app;
  await until('both are there', () => events.readers === 2);
  const before = process.memoryUsage().arrayBuffers;
  const meta = 'x'.repeat(20_000);
  let written = 0;
  while (events.readers === 2 && written < 20_000) {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => progress(service, `task-${index}`, 'X', meta)),
    );
    written += 20;
  }
  t.equal(events.readers, 1, `it is closed after ${written} changes`);
  const grown = process.memoryUsage().arrayBuffers - before;
  t.ok(grown < 64 * 1_024 * 1_024, `${Math.round(grown / 1_024)} KiB of buffers more`);
  await report(service, 'last');
  await reads.until(() => reads.told.at(-1) === 'last SUCCESS');
  t.notOk(
    reads.told.some((told) => told.startsWith('reset')),
    'nobody else is harmed',
  );
});

t.test('a reader that pauses is sent the latest of each task when it reads on', async (t) => {
  const service = await start(t, { maxProgressBytes: 1_024 * 1_024 });
  const fast = await EventClient.open(t, `${service.origin}/v1/events`);
  const raw = await RawConnection.open(t, service.port);
  raw.socket.pause();
  raw.send('GET /v1/events HTTP/1.0\r\n\r\n');
  await until('both are there', () => service.app.events.readers === 2);
  const meta = 'x'.repeat(400_000);
  const rounds = 40;
  for (let round = 1; round <= rounds; round += 1) {
    for (const taskId of ['a', 'b']) await progress(service, taskId, `ROUND ${round}`, meta);
    await fast.until(() => fast.told.filter((told) => told.endsWith(` ${round}`)).length === 2);
  }
  raw.socket.resume();
  const last = ['a', 'b'].map((taskId) => `${taskId} ROUND ${rounds}`);
  const told = () => eventsIn(raw.received).map(brief);
  await until('it hears of the last', () => raw.received.includes(`ROUND ${rounds}`));
  await report(service, 'end');
  await until('it is live again', () => raw.received.includes('"end"'));
  t.same(told().slice(-3), [...last, 'end SUCCESS'], 'the latest');
  t.ok(told().length < rounds, `in ${told().length} events, of ${2 * rounds}`);
  t.equal(new Set(told()).size, told().length, 'none came twice');
});

t.test('draining ends streams over its time, and an EventSource tries again', async (t) => {
  const service = await start(t);
  const client = await EventClient.open(t, `${service.origin}/v1/events`);
  const other = await EventClient.open(t, `${service.origin}/v1/tasks/a/events`);
  const errors: number[] = [];
  for (const { source } of [client, other]) {
    source.addEventListener('error', () => errors.push(performance.now()));
  }
  const startedAt = performance.now();
  await service.app.drain(300);
  await until('both were cut off', () => errors.length >= 2);
  t.ok(errors[1]! - startedAt > 100, 'one after the other');
  await client.until(() => client.opened >= 2);
  t.not(client.source.readyState, 2, 'it has not given up');
  t.equal(service.app.events.readers, 0, 'and is not kept');
});

t.test('a process that is told to stop ends its streams, a stuck one too, and exits', async (t) => {
  const flags = ['--backend', 'memory:', '--drain', '200ms', '--progress-limit', '4MiB'];
  const service = await ServiceProcess.start(t, { flags });
  const port = Number(new URL(service.origin).port);
  const reads = await EventClient.open(t, `${service.origin}/v1/events`);
  const cutOff = once(reads.source as unknown as EventTarget, 'error');
  const stuck = connect(port, '127.0.0.1').pause();
  t.teardown(() => {
    stuck.destroy();
  });
  stuck.on('error', () => {});
  stuck.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const body = JSON.stringify({ state: 'X', meta: 'x'.repeat(2_000_000) });
  for (let index = 0; index < 7; index += 1) {
    const answer = await fetch(`${service.origin}/v1/tasks/${index}/status`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', prefer: 'return=minimal' },
      body,
    });
    await answer.text();
    await reads.until(() => reads.told.length > index);
  }
  const startedAt = performance.now();
  t.equal((await service.stop()).code, 0);
  await cutOff;
  const took = performance.now() - startedAt;
  t.ok(took < 60_000, `after ${took} ms`);
});

t.test('a stream for too many tasks is refused, and says what to do', async (t) => {
  const service = await Service.start(t);
  const ids = (count: number) => Array.from({ length: count }, (_, n) => `task_id=t${n}`).join('&');
  const refused = await service.call('GET', `/v1/events?${ids(100)}&state=SUCCESS`);
  isProblem(t, refused, 'invalid-parameter', /101 times, and 100 is the limit/);
});
