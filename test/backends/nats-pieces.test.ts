/**
 * Values that are too large for a message: in pieces, which are there as long as something names
 * them and no longer, whatever ends in the middle.
 */
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { NatsBackend, type NatsBackendOptions } from '../../src/backends/nats/nats-backend.js';
import { opaqueOutcome } from '../../src/record/outcome.js';
import { errorOf } from '../conformance/expect.js';
import { Random, testSeed } from '../conformance/random.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { NatsServer, type NatsVersion, natsVersions } from '../support/nats-server.js';
import { NatsStream } from '../support/nats-stream.js';
import { until } from '../support/until.js';

const SIZE = 1_200_000;
const CUTS = 12;
/** A sweep that comes by all the time. */
const SWEEPING = { sweepEveryMs: 20 };

const noise = (size = SIZE) => opaqueOutcome(randomBytes(size), 'application/x-noise');

interface Setup {
  readonly server: NatsServer;
  readonly stream: NatsStream;
  open(options?: NatsBackendOptions, port?: number): Promise<NatsBackend>;
}

async function setUp(t: Test, version: NatsVersion): Promise<Setup> {
  const server = await NatsServer.start({ version });
  t.teardown(() => server.stop());
  const open: Setup['open'] = async (options = {}, port = server.port) => {
    const backend = NatsBackend.fromUrl(`nats://127.0.0.1:${port}`, options);
    await backend.startup();
    t.teardown(() => backend.shutdown());
    return backend;
  };
  await open();
  const stream = await NatsStream.open(server.port);
  t.teardown(() => stream.close());
  return { server, stream, open };
}

async function holdsPieces(stream: NatsStream, count: number, when: string): Promise<void> {
  await until(`there are ${count} pieces ${when}`, async () => {
    return (await stream.pieces()).length === count;
  });
}

for (const version of natsVersions()) {
  t.test(`${version}: pieces go when nothing names them`, async (t) => {
    const { stream, open } = await setUp(t, version);
    const backend = await open();
    const receipt = await backend.setResult('task', noise());
    t.equal((await stream.pieces()).length, 3, 'three pieces');
    await backend.setResult('task', noise(700_000));
    await holdsPieces(stream, 2, 'after a smaller one');
    await backend.setProgress('task', { state: 'STARTED' });
    t.equal((await backend.getResult('task'))?.outcome?.length, 700_000, 'progress leaves it');
    await holdsPieces(stream, 2, 'after progress');
    t.not(receipt.snapshot?.version, (await backend.getStatus('task'))?.version);
    await backend.consume('task', { idempotencyKey: 'again' });
    await holdsPieces(stream, 2, 'which a consume remembers');
    const again = await backend.consume('task', { idempotencyKey: 'again' });
    t.equal(again?.outcome?.length, 700_000, 'and gives again');
    await backend.delete('task');
    await backend.setResult('task', opaqueOutcome(Buffer.from('small'), 'text/plain'));
    await holdsPieces(stream, 0, 'after a small one');
  });

  t.test(`${version}: what tells of a large outcome is read without it`, async (t) => {
    const { stream, open } = await setUp(t, version);
    const backend = await open();
    await backend.setProgress('task', { state: 'STARTED', meta: 'half' });
    await backend.setResult('task', noise());
    await stream.ask('STREAM.PURGE', { filter: 'resultd.~.>' });
    const status = await backend.getStatus('task');
    t.equal(status?.size, SIZE, 'its size');
    t.equal(status?.progress?.meta.toString(), '"half"', 'the progress');
    t.equal(((await errorOf(backend.getResult('task'))) as Error).message.includes('task'), true);
  });

  t.test(`${version}: the pieces of a task that has expired are swept`, async (t) => {
    const { stream, open } = await setUp(t, version);
    const backend = await open(SWEEPING);
    await backend.setResult('kept', noise());
    await backend.setResult('gone', noise(), { ttlMs: 500 });
    await holdsPieces(stream, 3, 'when one has expired');
    t.equal((await backend.getResult('kept'))?.outcome?.length, SIZE, 'the other is whole');
  });

  t.test(`${version}: a writer that is cut off anywhere leaves all or nothing`, async (t) => {
    const random = new Random(testSeed());
    t.comment(`seed ${random.seed}`);
    const { server, stream, open } = await setUp(t, version);
    let whole = 0;
    for (let n = 0; n < CUTS; n += 1) {
      const proxy = await FaultProxy.start(server.port);
      const writer = await open({ storeTimeoutMs: 500 }, proxy.port);
      // A task with an outcome already, or none.
      const before = n % 2 === 0 ? noise(300_000) : undefined;
      if (before !== undefined) await writer.setResult(`task-${n}`, before);
      for (const connection of proxy.connections) {
        // In what is sent, or in what comes back, up to the last acknowledgement.
        if (n % 3 < 2) {
          connection.toServer.stopAfter(random.below(SIZE + 1_000), () => connection.cut());
        } else {
          connection.cutReplyAfter(random.below(600));
        }
      }
      const after = noise();
      proxy.welcome = 'refuse';
      await errorOf(writer.setResult(`task-${n}`, after));
      await writer.shutdown();
      await proxy.stop();
      const reader = await open();
      const found = (await reader.getResult(`task-${n}`))?.outcome;
      if (found?.equals(after.body) === true) whole += 1;
      else t.same(found, before?.body, 'it is as it was');
      await reader.delete(`task-${n}`);
      await reader.shutdown();
    }
    t.comment(`${whole} of ${CUTS} were written`);
    await open(SWEEPING);
    await holdsPieces(stream, 0, 'after a sweep');
  });

  t.test(`${version}: a sweep between a writer's pieces and their manifest`, async (t) => {
    const { server, stream, open } = await setUp(t, version);
    const proxy = await FaultProxy.start(server.port);
    t.teardown(() => proxy.stop());
    const writer = await open({ storeTimeoutMs: 60_000 }, proxy.port);
    const reader = await open();
    for (const before of [undefined, noise(300_000)]) {
      if (before !== undefined) await reader.setResult('task', before);
      const named = (await stream.pieces()).length;
      const outcome = noise();
      // What it loads first passes, late; the acknowledgements after it do not.
      proxy.toClient = { delayMs: 300 };
      const writing = writer.setResult('task', outcome);
      await holdsPieces(stream, named + 3, 'and their acknowledgements are on the way');
      proxy.toClient = { isFrozen: true, delayMs: 0 };
      const sweeper = await open(SWEEPING);
      await holdsPieces(stream, named, 'after a sweep');
      await sweeper.shutdown();
      proxy.heal();
      await writing;
      const found = (await reader.getResult('task'))?.outcome;
      t.ok(found?.equals(outcome.body), 'the outcome is whole');
      await reader.delete('task');
      await holdsPieces(stream, 0, 'at the end');
    }
  });
}

t.test('a server that takes only small messages keeps large tasks all the same', async (t) => {
  const server = await NatsServer.start({ config: ['max_payload: 8KB'] });
  t.teardown(() => server.stop());
  const backend = NatsBackend.fromUrl(server.url);
  await backend.startup();
  t.teardown(() => backend.shutdown());
  const outcome = noise(100_000);
  const meta = 'x'.repeat(20_000);
  await backend.setProgress('task', { state: 'STARTED', meta });
  await backend.setResult('task', outcome);
  t.ok((await backend.getResult('task'))?.outcome?.equals(outcome.body), 'the outcome');
  const { progress } = (await backend.getStatus('task'))!;
  t.equal(progress?.meta.length, meta.length + 2, 'the progress');
  for (const size of [3_500, 4_000, 4_100, 8_000, 8_200]) {
    const some = noise(size);
    await backend.setResult('other', some);
    t.ok((await backend.getResult('other'))?.outcome?.equals(some.body), `${size} bytes`);
  }
});
