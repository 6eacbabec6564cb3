/**
 * Clients of the service on bad lines: uploads that drip, waits that are cut, answers that nobody
 * reads. None of it may cost the others anything.
 */
import t, { type Test } from 'tap';
import { FaultProxy } from '../support/fault-proxy.js';
import { RawConnection } from '../support/raw-http.js';
import { Service } from '../support/service.js';
import { until } from '../support/until.js';

async function setUp(t: Test) {
  const service = await Service.start(t);
  const proxy = await FaultProxy.start(service.port);
  t.teardown(() => proxy.stop());
  return { service, proxy };
}

const post = (taskId: string, body: string): string =>
  `POST /v1/tasks/${taskId}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${body.length}\r\n\r\n${body}`;

t.test('an upload that drips is stored whole, and holds nobody up', async (t) => {
  const { service, proxy } = await setUp(t);
  proxy.toServer = { drip: { bytes: 3, everyMs: 1 } };
  const value = 'x'.repeat(500);
  const slow = await RawConnection.open(t, proxy.port);
  slow.send(post('slow', `{"return_value":"${value}"}`));
  const fast = await service.call('POST', '/v1/tasks/fast/result', { body: { return_value: 1 } });
  t.equal(fast.status, 201);
  t.equal((await service.call('GET', '/v1/tasks/slow/result')).status, 404, 'it is on its way');
  t.equal((await slow.answer()).status, 201);
  const read = await service.call('GET', '/v1/tasks/slow/result');
  t.match(read.text, `"return_value":"${value}"`);
});

t.test('an upload that is cut stores nothing, and can be sent again', async (t) => {
  const { service, proxy } = await setUp(t);
  const body = `{"return_value":"${'x'.repeat(500)}"}`;
  proxy.toServer = { drip: { bytes: 3, everyMs: 1 } };
  const cut = await RawConnection.open(t, proxy.port);
  cut.send(post('a', body));
  await until('it has begun', () => proxy.connections.some((one) => one.hasSent('return_value')));
  proxy.cut();
  await cut.ended();
  proxy.heal();
  t.equal((await service.call('GET', '/v1/tasks/a/result')).status, 404);
  const again = await RawConnection.open(t, proxy.port);
  again.send(post('a', body));
  t.equal((await again.answer()).status, 201);
});

t.test('an answer that is lost: the same POST again is told 200', async (t) => {
  const { proxy } = await setUp(t);
  const lost = await RawConnection.open(t, proxy.port);
  await until('it is connected', () => proxy.connections.length === 1);
  proxy.connections[0]!.cutReplyAfter(20);
  lost.send(post('a', '{"return_value":1}'));
  await lost.ended();
  const again = await RawConnection.open(t, proxy.port);
  again.send(post('a', '{"return_value":1}'));
  t.equal((await again.answer()).status, 200);
});

t.test('waits that are cut leave no waiter, and the others are answered', async (t) => {
  const { service, proxy } = await setUp(t);
  const { hub } = service.app;
  const connections = await Promise.all(
    Array.from({ length: 50 }, () => RawConnection.open(t, proxy.port)),
  );
  for (const connection of connections) {
    connection.send('GET /v1/tasks/a/result?wait=30s HTTP/1.1\r\nHost: localhost\r\n\r\n');
  }
  const stays = service.call('GET', '/v1/tasks/a/result?wait=30s');
  await until('all are parked', () => hub.parked === 51);
  t.equal(proxy.cut(), 50);
  await until('those who were cut are gone', () => hub.parked === 1);
  await service.call('POST', '/v1/tasks/a/result', { body: { return_value: 1 } });
  t.equal((await stays).status, 200);
  t.equal(hub.parked, 0);
});

t.test('a reader that is slow gets every byte, and holds nobody up', async (t) => {
  const { service, proxy } = await setUp(t);
  const value = 'x'.repeat(4_000_000);
  await service.call('PUT', '/v1/tasks/big/result', { body: { return_value: value } });
  proxy.toClient = { isFrozen: true };
  const slow = await RawConnection.open(t, proxy.port);
  slow.send('GET /v1/tasks/big/result HTTP/1.1\r\nHost: localhost\r\n\r\n');
  for (let n = 0; n < 20; n += 1) {
    const other = await service.call('POST', `/v1/tasks/t${n}/result`, {
      body: { return_value: n },
    });
    t.equal(other.status, 201);
  }
  proxy.toClient = { isFrozen: false };
  const answer = await slow.answer();
  t.equal(answer.status, 200);
  t.ok(answer.body.includes(value), 'all of it');
});
