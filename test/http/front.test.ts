/** A resultd in front of another one: what passes through it, and what it knows of the other's store. */
import t, { type Test } from 'tap';
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { refused } from '../conformance/expect.js';
import { Service } from '../support/service.js';

const LIMIT = 200;

async function startFront(t: Test) {
  const remote = await Service.start(t, 'memory:', { bodyLimit: LIMIT });
  const front = await Service.start(t, remote.origin, { bodyLimit: LIMIT });
  return { remote, front };
}

/** What a client may send, as large as it is filled up to. */
const BODIES: readonly [route: string, body: (filling: string) => string, type?: string][] = [
  ['result', (x) => `{"return_value":"${x}"}`],
  ['result', (x) => `{"return_value":"${x}","labels":{"a":"b"}}`],
  ['result', (x) => `{"log":"${x}","return_value":{"execution_time":0}}`],
  ['result', (x) => `{"return_value":{"labels":{}},"execution_time":1.0,"x":"${x}"}`],
  ['result', (x) => `{"is_err":true,"log":"${x}"}`],
  ['result', (x) => `{"error":{"exc_type":"${x}"}}`],
  ['result', (x) => `{"error":{"exc_type":"E","exc_message":["${x}"]},"return_value":1}`],
  ['result', (x) => `{"error":{"exc_type":"E","log":"${x}"}}`],
  ['exception', (x) => `{"exc_type":"${x}"}`],
  ['exception', (x) => `{"exc_type":"E","exc_module":null,"traceback":"${x}"}`],
  ['status', (x) => `{"state":"A","meta":"${x}"}`],
  ['status', (x) => `{"state":"${x.slice(0, 64)}"}`],
  ['result', (x) => x, 'application/x-thing'],
];

t.test('a body of exactly the limit passes, and comes back as from the other itself', async (t) => {
  const { remote, front } = await startFront(t);
  for (const [at, [route, bodyOf, type = 'application/json']] of BODIES.entries()) {
    const filling = 'x'.repeat(LIMIT - bodyOf('').length);
    const body = bodyOf(filling);
    const call = { body, headers: { 'content-type': type } };
    const path = `/v1/tasks/t${at}`;
    const direct = `/v1/tasks/d${at}`;
    t.equal((await front.call('PUT', `${path}/${route}`, call)).status, 201, body);
    t.equal((await remote.call('PUT', `${direct}/${route}`, call)).status, 201, body);
    if (route === 'status') {
      const [one, other] = await Promise.all(
        [path, direct].map(async (task) => (await remote.call('GET', task)).json().progress),
      );
      t.same(one, other);
    } else {
      const read = async (from: Service, task: string) =>
        (await from.call('GET', `${task}/result?with_logs=true`)).text;
      t.equal(await read(front, path), await read(remote, direct));
      const again = await remote.call('POST', `${path}/${route}`, call);
      t.equal(again.status, 200, 'it is the same outcome by either way');
    }
    const larger = { ...call, body: bodyOf(`${filling}x`) };
    if (route !== 'status') {
      t.equal((await front.call('PUT', `${path}/${route}`, larger)).status, 413);
    }
  }
});

t.test('what is there twice in an error comes back twice', async (t) => {
  const { front } = await startFront(t);
  const error =
    '{"exc_type":"E","exc_module":"m","exc_message":[1],"exc_message":[],"exc_module":null}';
  const body = `{"error":${error}}`;
  const headers = { 'content-type': 'application/json' };
  t.equal((await front.call('PUT', '/v1/tasks/a/result', { body, headers })).status, 201);
  t.ok((await front.call('GET', '/v1/tasks/a/result')).text.endsWith(`"error":${error}}`));
});

t.test('a remote store supports what it says', async (t) => {
  class Unlisted extends MemoryBackend {
    override readonly supports = { ...new MemoryBackend().supports, durable: true, listing: false };
  }
  for (const [store, durable, listing] of [
    [new MemoryBackend(), false, true],
    [new Unlisted(), true, false],
  ] as const) {
    const remote = await Service.start(t, store);
    const backend = HttpBackend.fromUrl(remote.origin);
    t.teardown(() => backend.shutdown());
    await backend.startup();
    t.same(backend.supports, { durable, shared: true, namespaces: false, listing });
    if (listing) t.same((await backend.list()).items, []);
    else await refused(t, backend.list(), 'unsupported');
    const ready = (await remote.call('GET', '/readyz')).json();
    t.same(ready, { status: 'ok', store: { durable, listing } });
  }
});
