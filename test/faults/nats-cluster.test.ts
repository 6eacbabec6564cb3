/** Three NATS servers, of which the one that leads ends under load. */
import t, { type Test } from 'tap';
import { NatsBackend } from '../../src/backends/nats/nats-backend.js';
import { WITH_BODY } from '../../src/record/entry.js';
import { WaitHub } from '../../src/wait-hub.js';
import { errorOf } from '../conformance/expect.js';
import { Load } from '../support/load.js';
import { NatsCluster } from '../support/nats-cluster.js';
import { natsVersions } from '../support/nats-server.js';
import { until } from '../support/until.js';

/** A backend on the cluster, as soon as that has a leader. */
async function connect(t: Test, cluster: NatsCluster): Promise<NatsBackend> {
  const backend = NatsBackend.fromUrl(cluster.url, { storeTimeoutMs: 5_000 });
  const starts = async () => (await errorOf(backend.startup())) === undefined;
  await until('the cluster has a leader', starts);
  t.teardown(() => backend.shutdown());
  return backend;
}

const works = async (backend: NatsBackend) => (await errorOf(backend.ping())) === undefined;

for (const version of natsVersions()) {
  if (version === 'debian') continue;
  t.test('a cluster that loses its leader under load loses nothing else', async (t) => {
    const cluster = await NatsCluster.start();
    t.teardown(() => cluster.stop());
    const writer = await connect(t, cluster);
    const reader = await connect(t, cluster);
    const hub = new WaitHub(reader, { safetyNetMs: 5_000 });
    await hub.start();
    t.teardown(async () => {
      await hub.drain(0);
      await hub.stop();
    });
    const load = new Load(writer);
    for (let round = 0; round < 2; round += 1) {
      const before = load.acknowledged.length;
      await until('there is load', () => load.acknowledged.length > before + 100);
      const waiting = hub.wait({
        taskId: `awaited-${round}`,
        parts: WITH_BODY,
        timeoutMs: 55_000,
        caller: 'test',
      }).result;
      const leader = await cluster.leader();
      load.codes.delete('store-unavailable');
      await leader.kill();
      const after = load.acknowledged.length;
      await until('writes go on', () => load.acknowledged.length > after + 100);
      await until('both replicas work', async () => (await works(writer)) && works(reader));
      await writer.setResult(`awaited-${round}`, { returnValue: round });
      t.equal((await waiting).snapshot?.ready, true, 'a waiter of another replica is answered');
      await leader.restart();
      await until('it works', () => works(writer));
    }
    await load.stop();
    await until('the reader works', () => works(reader));
    const found = await reader.getMany(load.acknowledged);
    const there = found.filter((task) => task?.ready === true).length;
    t.equal(there, load.acknowledged.length, 'what was acknowledged is there');
    t.notOk(load.codes.has('an acknowledged absence'), 'and was there at once');
    t.comment(`${load.acknowledged.length} tasks; ${[...load.codes]}`);
  });
}
