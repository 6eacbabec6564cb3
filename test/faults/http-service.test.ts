/** A resultd in front of another one, as processes are run: `resultd serve --backend http://…`. */
import t, { type Test } from 'tap';
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import { eventually, snapshotIn, success, successEnvelope } from '../conformance/expect.js';
import { Hearing } from '../conformance/hearing.js';
import { freePort } from '../support/redis-server.js';
import { RemoteStore } from '../support/remote-store.js';
import { ServiceProcess } from '../support/service-process.js';

interface Scene {
  readonly back: RemoteStore;
  readonly front: ServiceProcess;
  /** Writes at the back, past the front. */
  readonly writer: HttpBackend;
}

async function open(t: Test, flags: readonly string[] = []): Promise<Scene> {
  const back = await RemoteStore.lmdb();
  t.teardown(() => back.stop());
  const url = back.url.replace('//', '//:secret@');
  const front = await ServiceProcess.start(t, { flags: ['--backend', url, ...flags] });
  const writer = await clientOf(t, back.origin);
  return { back, front, writer };
}

async function clientOf(t: Test, url: string): Promise<HttpBackend> {
  const client = HttpBackend.fromUrl(url);
  await client.startup();
  t.teardown(() => client.shutdown());
  return client;
}

t.test('who waits at the front is woken by a write at the back', async (t) => {
  const { front, writer } = await open(t);
  const waiting = fetch(`${front.origin}/v1/tasks/task/result?wait=30s`);
  const client = await clientOf(t, front.origin);
  const hearing = new Hearing();
  await client.subscribe(hearing.listener);
  const { version } = snapshotIn(await writer.setResult('task', success(1)));
  const answer = await waiting;
  t.equal(answer.status, 200);
  t.equal(await answer.text(), successEnvelope(1));
  t.equal(answer.headers.get('etag'), `"${version}"`);
  t.equal(await hearing.until(() => hearing.has('task', version)), true, 'and its events tell');
  t.equal((await front.stop()).code, 0);
  t.notMatch(front.output, /secret/, 'no credentials are shown');
});

t.test('who waits at the front lives through a restart of the back', async (t) => {
  const { back, front } = await open(t);
  const waiting = fetch(`${front.origin}/v1/tasks/task/result?wait=50s`);
  const fast = await fetch(`${front.origin}/v1/tasks/other/result`);
  t.equal(fast.status, 404);
  await back.kill();
  const refused = await fetch(`${front.origin}/v1/tasks/task/result`);
  t.equal(refused.status, 503, 'it could not be asked');
  t.ok(refused.headers.get('retry-after'));
  t.match(((await refused.json()) as { type: string }).type, /:store-unavailable$/);
  await back.restart();
  const writer = await clientOf(t, back.origin);
  await writer.setResult('task', success(2));
  const answer = await waiting;
  t.equal(answer.status, 200);
  t.equal(await answer.text(), successEnvelope(2));
});

t.test('several processes may stand in front of one', async (t) => {
  const { front, writer } = await open(t, ['--processes', '2']);
  const waits = Array.from({ length: 8 }, (_, n) =>
    fetch(`${front.origin}/v1/tasks/task-${n}/result?wait=30s`),
  );
  for (let n = 0; n < 8; n += 1) await writer.setResult(`task-${n}`, success(n));
  for (const [n, wait] of waits.entries()) {
    t.equal(await (await wait).text(), successEnvelope(n), `task ${n}`);
  }
});

t.test('without the back the front does not start, and says why', async (t) => {
  const url = `http://:secret@127.0.0.1:${await freePort()}`;
  const front = ServiceProcess.spawn(t, { flags: ['--backend', url] });
  t.equal((await front.exited).code, 1);
  t.match(front.output, /cannot be reached \(ECONNREFUSED\)/);
  t.notMatch(front.output, /secret/);
  await eventually(t, () => front.signal('SIGTERM') === false, 'it has ended');
});
