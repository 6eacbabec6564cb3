/** Events over two replicas on one Redis, and what becomes of them when Redis dies. */
import t from 'tap';
import { EventClient } from '../support/event-client.js';
import { RedisServer } from '../support/redis-server.js';
import { Service } from '../support/service.js';

const SUCCESS = { return_value: 1 };

t.test('each replica tells of what was written at the other', async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const [one, two] = [await Service.start(t, redis.url), await Service.start(t, redis.url)];
  const clients = [
    await EventClient.open(t, `${one.origin}/v1/events`),
    await EventClient.open(t, `${two.origin}/v1/events`),
    await EventClient.open(t, `${two.origin}/v1/tasks/a/events`),
  ];
  const told: string[] = [];
  for (const service of [one, two]) {
    await service.call('PUT', '/v1/tasks/a/result', { body: SUCCESS });
    told.push('a SUCCESS');
    for (const client of clients) await client.hears(t, told, 'written');
    await service.call('DELETE', '/v1/tasks/a');
    told.push('a removed');
    for (const client of clients) await client.hears(t, told, 'removed');
  }
});

t.test('events of many writers come once, at every replica, with the last state', async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const [one, two] = [await Service.start(t, redis.url), await Service.start(t, redis.url)];
  const services = [one, two];
  const clients = await Promise.all(
    services.map((service) => EventClient.open(t, `${service.origin}/v1/events`)),
  );
  const ids = Array.from({ length: 500 }, (_, index) => `task-${index}`);
  await Promise.all(
    ids.map(async (taskId, index) => {
      const service = services[index % 2]!;
      await service.call('PUT', `/v1/tasks/${taskId}/status`, { body: { state: 'STARTED' } });
      await service.call('PUT', `/v1/tasks/${taskId}/result`, { body: SUCCESS });
    }),
  );
  for (const client of clients) {
    const ready = () => client.told.filter((text) => text.endsWith('SUCCESS'));
    await client.until(() => ready().length >= ids.length);
    t.same(ready().sort(), ids.map((taskId) => `${taskId} SUCCESS`).sort(), 'each once');
    const versions = client.events.map(
      ({ data }) => (JSON.parse(data) as { version: string }).version,
    );
    t.equal(new Set(versions).size, versions.length, 'no state comes twice');
  }
});

t.test(
  'readers live through a crash of Redis, and are told that they may have missed some',
  async (t) => {
    const redis = await RedisServer.start({ appendOnly: true });
    t.teardown(() => redis.stop());
    const service = await Service.start(t, redis.url);
    const all = await EventClient.open(t, `${service.origin}/v1/events`);
    await service.call('PUT', '/v1/tasks/a/status', { body: { state: 'STARTED' } });
    const one = await EventClient.open(t, `${service.origin}/v1/tasks/a/events`);
    await all.hears(t, ['a STARTED'], 'before');
    await one.hears(t, ['a STARTED'], 'before');
    await redis.kill();
    const late = await EventClient.open(t, `${service.origin}/v1/tasks/a/events`);
    await redis.restart();
    await all.hears(t, ['a STARTED', 'reset lost'], 'once it is back');
    await one.hears(t, ['a STARTED', 'reset lost', 'a STARTED'], 'with the present status');
    await late.until(() => late.told.at(-1) === 'a STARTED');
    await service.call('PUT', '/v1/tasks/a/result', { body: SUCCESS });
    await all.hears(t, ['a STARTED', 'reset lost', 'a SUCCESS'], 'it goes on');
    await one.hears(t, ['a STARTED', 'reset lost', 'a STARTED', 'a SUCCESS'], 'it goes on');
    t.equal(all.opened, 1, 'on the same connection');
  },
);
