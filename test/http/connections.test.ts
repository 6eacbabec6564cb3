/** What one connection may expect: its requests in their order, and an answer although it is half closed. */
import t from 'tap';
import { RawConnection } from '../support/raw-http.js';
import { RedisServer } from '../support/redis-server.js';
import { Service } from '../support/service.js';
import { until } from '../support/until.js';
import { SUCCESS } from './suite/expect.js';

const redis = await RedisServer.start();
t.teardown(() => redis.stop());
const REDIS = `redis://127.0.0.1:${redis.port}`;

/** A PUT of a result, up to its body. */
const put = (path: string, headers: string): string =>
  `PUT ${path}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n`;

t.test('pipelined requests are carried out in their order', async (t) => {
  for (const url of ['memory:', REDIS]) {
    const service = await Service.start(t, url);
    const connection = await RawConnection.open(t, service.port);
    const write = (id: string) =>
      `${put(`/v1/tasks/${id}`, `Content-Length: ${SUCCESS.length}\r\n`)}${SUCCESS}`;
    const read = (id: string) => `GET /v1/tasks/${id}/result HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const remove = (id: string) => `DELETE /v1/tasks/${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const rounds = 20;
    let bytes = '';
    for (let n = 0; n < rounds; n += 1) {
      const id = `ordered-${n}`;
      bytes += write(id) + read(id) + read(id) + remove(id) + read(id);
    }
    connection.send(bytes);
    const statuses: number[] = [];
    for (let n = 0; n < 5 * rounds; n += 1) statuses.push((await connection.answer()).status);
    const each = [201, 200, 200, 204, 404];
    t.same(statuses, Array.from({ length: rounds }, () => each).flat(), url);
  }
});

t.test(
  'a half-closed connection is answered on every store, and a waiter that leaves so is gone',
  async (t) => {
    for (const url of ['memory:', REDIS]) {
      const service = await Service.start(t, url);
      const connection = await RawConnection.open(t, service.port);
      const head = put('/v1/tasks/half', `Content-Length: ${SUCCESS.length}\r\n`);
      connection.socket.end(
        `${head}${SUCCESS}GET /v1/tasks/half/result HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      t.equal((await connection.answer()).status, 201, url);
      t.equal((await connection.answer()).text, SUCCESS, 'and what came behind it');
      await connection.ended();
      const waiter = await RawConnection.open(t, service.port);
      waiter.send('GET /v1/tasks/none/result?wait=50s HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const { hub } = service.app;
      await until('it is parked', () => hub.parked === 1);
      waiter.socket.end();
      await until('it is gone', () => hub.parked === 0);
      await waiter.ended();
    }
  },
);
