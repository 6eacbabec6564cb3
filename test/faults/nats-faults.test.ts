/** What a real NATS server, and the way to it, does on bad days. */
import t, { type Test } from 'tap';
import { NatsBackend } from '../../src/backends/nats/nats-backend.js';
import { WITH_BODY } from '../../src/record/entry.js';
import { WaitHub } from '../../src/wait-hub.js';
import { errorOf } from '../conformance/expect.js';
import { Hearing } from '../conformance/hearing.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { Load } from '../support/load.js';
import { NatsServer, type NatsVersion, natsVersions } from '../support/nats-server.js';
import { NatsStream } from '../support/nats-stream.js';
import { until } from '../support/until.js';

/** Longer than a busy machine takes: no time-out is meant to be met here. */
const TIMEOUT_MS = 60_000;
/** The tests end before it comes by. */
const NO_SAFETY_NET_MS = 600_000;

async function connect(t: Test, port: number): Promise<NatsBackend> {
  const url = `nats://127.0.0.1:${port}?sync_warning=off`;
  const backend = NatsBackend.fromUrl(url, { storeTimeoutMs: TIMEOUT_MS });
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

/** Two replicas: one behind a proxy, one without. */
async function setUp(t: Test, version: NatsVersion) {
  const server = await NatsServer.start({ version });
  t.teardown(() => server.stop());
  const proxy = await FaultProxy.start(server.port);
  t.teardown(() => proxy.stop());
  const backend = await connect(t, proxy.port);
  const other = await connect(t, server.port);
  return { server, proxy, backend, other };
}

/** A hub on it, and what it is told. */
async function startHub(t: Test, backend: NatsBackend) {
  const hub = new WaitHub(backend, { safetyNetMs: NO_SAFETY_NET_MS });
  await hub.start();
  const hearing = new Hearing();
  await backend.subscribe(hearing.listener);
  t.teardown(async () => {
    await hub.drain(0);
    await hub.stop();
  });
  const wait = (taskId: string) =>
    hub.wait({ taskId, parts: WITH_BODY, timeoutMs: 55_000, caller: 'test' }).result;
  return { hub, hearing, wait };
}

const works = async (backend: NatsBackend) => (await errorOf(backend.ping())) === undefined;

async function allThere(t: Test, backend: NatsBackend, load: Load): Promise<void> {
  const found = await backend.getMany(load.acknowledged);
  t.equal(found.filter((task) => task?.ready === true).length, load.acknowledged.length);
  const codes = [...load.codes];
  t.ok(
    codes.every((code) => code === 'store-unavailable'),
    `only the store failed: ${codes}`,
  );
}

for (const version of natsVersions()) {
  t.test(`${version}: killed under load and started again, it has lost nothing`, async (t) => {
    const { server, other } = await setUp(t, version);
    const load = new Load(other);
    for (let round = 0; round < 3; round += 1) {
      const before = load.acknowledged.length;
      await until('there is load', () => load.acknowledged.length > before + 100);
      load.codes.delete('store-unavailable');
      await server.kill();
      await until('a call fails', () => load.codes.has('store-unavailable'));
      await server.restart();
      await until('it works again', () => works(other));
    }
    await load.stop();
    await allThere(t, other, load);
  });

  t.test(`${version}: connections that are cut in the middle of writes`, async (t) => {
    const { proxy, backend, other } = await setUp(t, version);
    const load = new Load(backend);
    for (let round = 0; round < 8; round += 1) {
      const before = load.acknowledged.length;
      await until('there is load', () => load.acknowledged.length > before + 50);
      load.codes.delete('store-unavailable');
      for (const connection of proxy.connections) {
        const bytes = 31 + 113 * round;
        if (round % 2 === 0) connection.cutReplyAfter(bytes);
        else connection.toServer.stopAfter(bytes, () => connection.cut());
      }
      await until('a call fails', () => load.codes.has('store-unavailable'));
    }
    await load.stop();
    await allThere(t, other, load);
  });

  t.test(`${version}: a waiter wakes on a write of another replica`, async (t) => {
    const { backend, other } = await setUp(t, version);
    const [one, two] = [await startHub(t, backend), await startHub(t, other)];
    for (let n = 0; n < 10; n += 1) {
      const waits = [one.wait(`task-${n}`), two.wait(`task-${n}`)];
      await until('both are parked', () => one.hub.parked + two.hub.parked === 2);
      await (n % 2 === 0 ? backend : other).setResult(`task-${n}`, { returnValue: n });
      for (const wait of waits) t.equal((await wait).snapshot?.ready, true, `task ${n}`);
    }
    t.notOk(one.hearing.lost || two.hearing.lost, 'and nobody was told that hints were lost');
  });

  for (const [name, bytes] of [
    ['swallowed', undefined],
    ['cut in the middle', 40],
  ] as const) {
    t.test(`${version}: a hint that is ${name}, and then the connection`, async (t) => {
      const { proxy, backend, other } = await setUp(t, version);
      const { hub, hearing, wait } = await startHub(t, backend);
      const waiting = wait('task');
      await until('it is parked', () => hub.parked === 1);
      // The read before parking has been answered: what comes next is the hint.
      await backend.getStatus('other');
      for (const connection of proxy.connections) {
        if (bytes !== undefined) connection.cutReplyAfter(bytes);
      }
      if (bytes === undefined) proxy.toClient = { isFrozen: true };
      await other.setResult('task', { returnValue: 1 });
      if (bytes === undefined) {
        await other.ping();
        proxy.cut();
        proxy.heal();
      }
      t.equal((await waiting).snapshot?.ready, true, 'the waiter is answered');
      t.ok(hearing.lost, 'since it was told that hints were lost');
      t.notOk(hearing.of('task').length, 'not by the hint');
    });
  }

  // Debian's does not let republishing be changed.
  if (version === 'debian') continue;
  t.test(`${version}: a gap in the hints is told, with the connection as it was`, async (t) => {
    const { server, backend, other } = await setUp(t, version);
    const { hub, hearing, wait } = await startHub(t, backend);
    const waiting = wait('task');
    await until('it is parked', () => hub.parked === 1);
    const stream = await NatsStream.open(server.port);
    t.teardown(() => stream.close());
    const { config } = await stream.info();
    const { republish, ...silent } = config;
    await stream.ask('STREAM.UPDATE', silent);
    await other.setResult('task', { returnValue: 1 });
    await stream.ask('STREAM.UPDATE', { ...silent, republish });
    t.notOk(hearing.lost, 'nobody knows');
    await other.ping();
    t.equal((await waiting).snapshot?.ready, true, 'the next write shows it');
    t.ok(hearing.lost);
  });
}
