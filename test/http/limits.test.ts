/** Many waiters over HTTP: the limits, the reads that they cost, and what they leave behind. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { storeUnavailable } from '../../src/errors.js';
import { type Answer, Service, type ServiceOptions } from '../support/service.js';
import { isProblem, SUCCESS } from './suite/expect.js';
import { untilParked } from './suite/parking.js';
import { Api } from './suite/topic.js';

/** The memory backend, counted, and failing when told to. */
class CountedBackend extends MemoryBackend {
  reads = 0;
  isFailing = false;

  protected override async _read(namespace: string, taskId: string) {
    this.reads += 1;
    if (this.isFailing) throw storeUnavailable('the store does not answer');
    return super._read(namespace, taskId);
  }

  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    if (this.isFailing) throw storeUnavailable('the store does not answer');
    return super._execute(...call);
  }
}

async function start(t: Test, options: ServiceOptions = {}) {
  const backend = new CountedBackend();
  const service = await Service.start(t, backend, options);
  const api = new Api(service, () => Promise.reject(new Error('one store only')));
  return { backend, service, api };
}

t.test('hundreds who wait for one task are woken by one read', async (t) => {
  const { backend, api } = await start(t);
  const path = api.path();
  const waits = Array.from({ length: 300 }, () => api.get(`${path}/result?wait=30s`));
  await untilParked(api, 300, path);
  const before = backend.reads;
  await api.post(`${path}/result`, SUCCESS);
  const answers = await Promise.all(waits);
  t.ok(answers.every(({ status, text }) => status === 200 && text === SUCCESS));
  t.equal(backend.reads - before, 1);
  t.equal(api.service.app.hub.parked, 0);
});

t.test('a thousand clients that go away leave nothing behind', async (t) => {
  const { backend, api } = await start(t);
  const aborts = Array.from({ length: 1_000 }, () => new AbortController());
  const paths = Array.from({ length: 100 }, () => api.path());
  const calls = aborts.map(({ signal }, index) =>
    api.call('GET', `${paths[index % 100]}/result?wait=55s`, { signal }).catch(() => undefined),
  );
  await untilParked(api, 1_000);
  for (const abort of aborts) abort.abort();
  const answers = await Promise.all(calls);
  t.ok(answers.every((answer) => answer === undefined));
  await untilParked(api, 0);
  const before = backend.reads;
  for (const path of paths) await api.post(`${path}/result`, SUCCESS);
  t.equal(backend.reads, before, 'nobody is left to be woken');
});

t.test(
  'beyond the limit for all: 503 with Retry-After, but a ready task is answered',
  async (t) => {
    const { api } = await start(t, { maxWaiters: 3 });
    const [path, ready] = [api.path(), api.path()];
    await api.post(`${ready}/result`, SUCCESS);
    const waits = Array.from({ length: 3 }, () => api.get(`${path}/result?wait=30s`));
    await untilParked(api, 3, path);
    for (const call of [
      () => api.get(`${path}/result?wait=30s`),
      () => api.get(`${api.path()}/status`, { prefer: 'wait=30' }),
      () =>
        api
          .get(`${ready}?wait=1s`, { 'if-none-match': '"x"' })
          .then(() => api.get(`${path}?wait=1s`)),
    ]) {
      isProblem(t, await call(), 'too-many-waiters', /3 requests/);
    }
    const head = await api.head(`${path}/result?wait=30s`);
    t.equal(head.status, 503);
    t.equal(head.headers['task-state'], 'UNKNOWN', 'it was looked at once');
    t.match(head.headers['retry-after'], /^[1-9]$/);
    t.equal((await api.get(`${ready}/result?wait=30s`)).text, SUCCESS);
    t.equal((await api.get(`${path}/result`)).status, 404, 'who does not wait is not refused');
    t.equal((await api.post(`${path}/result`, SUCCESS)).status, 201, 'nor is a writer');
    for (const answer of await Promise.all(waits)) t.equal(answer.text, SUCCESS);
    const later = api.get(`${api.path()}/result?wait=30s`);
    await untilParked(api, 1);
    t.pass('there is room again');
    later.catch(() => {});
  },
);

t.test('beyond the limit for one caller: 429, by its address', async (t) => {
  const { api } = await start(t, { maxWaitersPerCaller: 2, trustProxy: true });
  const path = api.path();
  const from = (ip: string): Promise<Answer> =>
    api.get(`${path}/result?wait=30s`, { 'x-forwarded-for': ip });
  const waits = [from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.2')];
  await untilParked(api, 3, path);
  const answer = await from('192.0.2.1');
  isProblem(t, answer, 'too-many-waiters-for-caller', /192\.0\.2\.1.*2 requests/);
  waits.push(from('192.0.2.2'));
  await untilParked(api, 4);
  await api.post(`${path}/result`, SUCCESS);
  for (const { status } of await Promise.all(waits)) t.equal(status, 200);
});

t.test(
  'behind a trusted proxy the caller is whom it names, not whom its client claims',
  async (t) => {
    const { api } = await start(t, { maxWaitersPerCaller: 1, trustProxy: '127.0.0.1, 10.0.0.0/8' });
    const path = api.path();
    // A client may send the header itself: the proxy adds the address that it sees.
    const from = (forwarded: string, method = 'GET'): Promise<Answer> =>
      api.call(method, `${path}/result?wait=30s`, { headers: { 'x-forwarded-for': forwarded } });
    const waits = [from('198.51.100.7, 192.0.2.1'), from('192.0.2.2, 10.1.2.3')];
    await untilParked(api, 2, path);
    const spoofed = await from('198.51.100.8, 192.0.2.1');
    isProblem(t, spoofed, 'too-many-waiters-for-caller', /192\.0\.2\.1/);
    t.match(spoofed.headers['retry-after'], /^[1-9]$/);
    const head = await from('192.0.2.2', 'HEAD');
    t.equal(head.status, 429, 'past a second proxy that is trusted, and for HEAD');
    t.match(head.headers['retry-after'], /^[1-9]$/);
    await api.post(`${path}/result`, SUCCESS);
    for (const { status } of await Promise.all(waits)) t.equal(status, 200);
  },
);

t.test('waits for many tasks at once have a limit on all their tasks', async (t) => {
  const { api } = await start(t, { maxWaiters: 4, maxWaitersPerCaller: 2, trustProxy: true });
  const path = api.path();
  const from = (ip: string): Promise<Answer> =>
    api.get(`${path}/result?wait=30s`, { 'x-forwarded-for': ip });
  const many = (ip: string): Promise<Answer> => {
    const task_ids = Array.from({ length: 100 }, (_, n) => `${ip}-${n}`);
    const body = { task_ids, mode: 'any', wait: '30s' };
    return api.post('/v1/batch/wait', body, { 'x-forwarded-for': ip });
  };
  const first = many('192.0.2.1');
  await untilParked(api, 1);
  const perCaller = 'too-many-waiters-for-caller';
  isProblem(t, await from('192.0.2.1'), perCaller, /1 request waiting for 100 tasks/);
  isProblem(t, await many('192.0.2.1'), perCaller);
  const second = many('192.0.2.2');
  await untilParked(api, 2);
  isProblem(t, await from('192.0.2.3'), 'too-many-waiters', /2 requests are waiting.*200 tasks/);
  await api.post('/v1/tasks/192.0.2.1-7/result', SUCCESS);
  t.equal((await first).status, 200);
  const later = from('192.0.2.1');
  await untilParked(api, 2, path);
  await api.post('/v1/tasks/192.0.2.2-7/result', SUCCESS);
  await api.post(`${path}/result`, SUCCESS);
  t.equal((await second).status, 200);
  t.equal((await later).status, 200, 'there is room again');
});

t.test('without trust in a proxy, its header names nobody', async (t) => {
  const { api } = await start(t, { maxWaitersPerCaller: 1 });
  const path = api.path();
  const wait = api.get(`${path}/result?wait=30s`, { 'x-forwarded-for': '192.0.2.1' });
  await untilParked(api, 1, path);
  const answer = await api.get(`${path}/result?wait=30s`, { 'x-forwarded-for': '192.0.2.2' });
  isProblem(t, answer, 'too-many-waiters-for-caller', /127\.0\.0\.1/);
  await api.post(`${path}/result`, SUCCESS);
  t.equal((await wait).status, 200);
});

t.test('a store that does not answer is 503 everywhere, never 404', async (t) => {
  const { backend, api } = await start(t);
  const path = api.path();
  await api.post(`${path}/result`, SUCCESS);
  const parked = api.get(`${api.path()}/result?wait=30s`);
  await untilParked(api, 1, path);
  backend.isFailing = true;
  const calls: (() => Promise<Answer>)[] = [
    ...['', '/result', '/exception', '/status'].map((suffix) => () => api.get(`${path}${suffix}`)),
    () => api.get(`${path}/result?wait=30s`),
    () => api.post(`${path}/result`, SUCCESS),
    () => api.put(`${path}/result`, SUCCESS),
    () => api.put(`${path}/exception`, { exc_type: 'E' }),
    () => api.put(`${path}/status`, { state: 'A' }),
    () => api.put(`${path}/expiry`, { ttl: 60 }),
    () => api.consume(path),
    () => api.delete(path),
  ];
  for (const call of calls) isProblem(t, await call(), 'store-unavailable', /does not answer/);
  t.equal((await api.put(`${path}/status`, 'x')).status, 400, 'what is wrong is told all the same');
  t.equal(api.service.app.hub.parked, 1, 'who is parked lives through it');
  backend.isFailing = false;
  t.equal((await api.get(`${path}/result`)).text, SUCCESS);
  parked.catch(() => {});
});

t.test('a drain answers all who wait, closes their connections, and takes writes', async (t) => {
  const { api, service } = await start(t);
  const [unknown, known] = [api.path(), api.path()];
  await api.put(`${known}/status`, { state: 'STARTED' });
  const waits = [
    api.get(`${unknown}/result?wait=30s`),
    api.get(`${known}/result?wait=30s`),
    api.get(`${known}/status?wait=30s`),
    api.get(`${known}/status?wait=30s`, {
      'if-none-match': (await api.get(known)).headers.etag!,
    }),
  ];
  await untilParked(api, 4, known);
  await service.app.drain(50);
  const answers = await Promise.all(waits);
  t.same(
    answers.map(({ status }) => status),
    [404, 202, 200, 304],
  );
  for (const answer of answers) t.equal(answer.headers.connection, 'close');
  isProblem(t, answers[0]!, 'task-unknown');
  t.equal(answers[1]?.headers['retry-after'], '1', 'not at once: it has not waited its time');

  isProblem(t, await api.get('/readyz'), 'draining');
  t.equal((await api.head('/readyz')).status, 503);
  t.equal((await api.get('/livez')).status, 200);
  const late = await api.get(`${known}/result?wait=30s`);
  t.equal(late.status, 202, 'a later one is answered at once');
  t.equal((await api.post(`${known}/result`, SUCCESS)).status, 201, 'writes go on');
  t.equal((await api.get(`${known}/result?wait=30s`)).text, SUCCESS);
});
