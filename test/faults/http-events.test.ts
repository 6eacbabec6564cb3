/** The HTTP backend's subscription: one stream, which comes back and goes on where it was. */
import t, { type Test } from 'tap';
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import { eventually, snapshotIn, success } from '../conformance/expect.js';
import { Hearing } from '../conformance/hearing.js';
import { frontRemote } from '../support/fronted-remote.js';
import { RemoteStore } from '../support/remote-store.js';

async function open(t: Test) {
  const fronted = await frontRemote(t, await RemoteStore.memory());
  const writer = HttpBackend.fromUrl(fronted.remote.origin);
  await writer.startup();
  t.teardown(() => writer.shutdown());
  return { ...fronted, writer };
}

const hasEvents = (text: string): boolean => text.includes('/v1/events');

t.test('a stream that was cut goes on after what it had, and nothing is lost', async (t) => {
  const { remote, front, backend, writer } = await open(t);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const before = snapshotIn(await writer.setResult('before', success(1)));
  t.equal(await hearing.until(() => hearing.has('before', before.version)), true);
  front.treat = ({ url }) => (hasEvents(url!) ? { cut: 'before' } : 'pass');
  t.equal(
    remote.proxy.cut((connection) => connection.hasSent('/v1/events')),
    1,
  );
  const meanwhile = snapshotIn(await writer.setResult('meanwhile', success(2)));
  await writer.delete('before');
  await eventually(t, () => front.seen.filter(hasEvents).length > 2, 'it tries again');
  front.treat = () => 'pass';
  t.equal(await hearing.until(() => hearing.has('meanwhile', meanwhile.version)), true);
  t.equal(await hearing.until(() => hearing.has('before', null)), true);
  t.equal(hearing.lost, false, 'since all was made up for');
});

t.test('where the service cannot go on, hints are lost', async (t) => {
  const { remote, backend, writer } = await open(t);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  await remote.kill();
  await remote.restart();
  t.equal(await hearing.until(() => hearing.lost), true);
  const { version } = snapshotIn(await writer.setResult('after', success(1)));
  t.equal(await hearing.until(() => hearing.has('after', version)), true);
});

t.test('a stream that ended before it said where it was may have missed something', async (t) => {
  const { front, backend } = await open(t);
  const headers = { 'content-type': 'text/event-stream' };
  front.next([{ status: 200, headers, body: ':\n\n' }], hasEvents);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  t.equal(await hearing.until(() => hearing.lost), true);
});

t.test('all listeners share one stream, which ends with the last of them', async (t) => {
  const { remote, front, backend, writer } = await open(t);
  const hearings = Array.from({ length: 50 }, () => new Hearing());
  const leave = await Promise.all(hearings.map(({ listener }) => backend.subscribe(listener)));
  t.equal(remote.readers, 1);
  const { version } = snapshotIn(await writer.setResult('task', success(1)));
  for (const hearing of hearings) {
    t.equal(await hearing.until(() => hearing.has('task', version)), true);
  }
  for (const unsubscribe of leave) await unsubscribe();
  await eventually(t, () => remote.readers === 0, 'the stream has ended');
  t.equal(front.seen.filter(hasEvents).length, 1);
  const again = new Hearing();
  await backend.subscribe(again.listener);
  const second = snapshotIn(await writer.setResult('task', success(2)));
  t.equal(await again.until(() => again.has('task', second.version)), true, 'and may begin anew');
});

t.test('a subscription is made once the service is there', async (t) => {
  const { front, backend, writer } = await open(t);
  front.next([{ status: 503, headers: { 'retry-after': '0' } }, { cut: 'before' }], hasEvents);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const { version } = snapshotIn(await writer.setResult('task', success(1)));
  t.equal(await hearing.until(() => hearing.has('task', version)), true);
  t.equal(front.seen.filter(hasEvents).length, 3);
});

t.test('large and odd events are read whole', async (t) => {
  const { backend, writer } = await open(t);
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  const meta = Buffer.from('{"state":"é","meta":[1,\n\r\n  "a: b",\n\n"\\u00e9"]}');
  const odd = snapshotIn(await writer.setProgress('odd', meta));
  const value = 'é'.repeat(30_000);
  const large = snapshotIn(await writer.setProgress('large', { state: 'S', meta: value }));
  t.equal(await hearing.until(() => hearing.has('odd', odd.version)), true);
  t.equal(await hearing.until(() => hearing.has('large', large.version)), true);
});
