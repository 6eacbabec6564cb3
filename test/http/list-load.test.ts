/** Many lists and counts at once: a few run, a bounded number wait, the rest are told to come again. */
import { connect } from 'node:net';
import t from 'tap';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { Service } from '../support/service.js';
import { until } from '../support/until.js';
import { isProblem } from './suite/expect.js';

const AT_ONCE = 16;
const QUEUED = 256;

/** Lists and counts when it is told to, and says how often it was asked. */
class HeldBackend extends MemoryBackend {
  asked = 0;
  #open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }

  protected override async _list(...call: Parameters<MemoryBackend['_list']>) {
    this.asked += 1;
    await this.#opened;
    return super._list(...call);
  }

  protected override async _count(namespace: string) {
    this.asked += 1;
    await this.#opened;
    return super._count(namespace);
  }
}

t.test('a few lists and counts run at once, and who leaves the queue is not served', async (t) => {
  const backend = new HeldBackend();
  const service = await Service.start(t, backend);
  const aborts = Array.from({ length: 40 }, () => new AbortController());
  const calls = aborts.map(({ signal }, n) =>
    service
      .call(n % 4 === 3 ? 'HEAD' : 'GET', n % 2 === 0 ? '/v1/tasks' : '/v1/stats', { signal })
      .then(({ status }) => status)
      .catch(() => 'gone'),
  );
  await until('some are asked for', () => backend.asked === AT_ONCE);
  // Those of the queue but one: who runs has been asked for already.
  for (const abort of aborts.slice(AT_ONCE + 1)) abort.abort();
  await until('they have gone', async () => {
    const connections = await new Promise((resolve) => {
      service.app.http.server.getConnections((_, count) => resolve(count));
    });
    return connections === AT_ONCE + 1;
  });
  t.equal(backend.asked, AT_ONCE);
  backend.open();
  const statuses = await Promise.all(calls);
  t.equal(statuses.filter((status) => status === 200).length, AT_ONCE + 1);
  t.equal(backend.asked, AT_ONCE + 1, 'the one that stayed');
  t.equal((await service.call('GET', '/v1/stats')).status, 200);
});

t.test(
  'beyond the queue: 503 with Retry-After; all else is served, and later lists are',
  async (t) => {
    const backend = new HeldBackend();
    const service = await Service.start(t, backend);
    const url = (n: number): string => (n % 2 === 0 ? '/v1/tasks' : '/v1/stats');
    const refused: Promise<unknown>[] = [];
    const calls = Array.from({ length: AT_ONCE + QUEUED + 3 }, (_, n) =>
      service.call('GET', url(n)).then((answer) => {
        if (answer.status === 503) refused.push(Promise.resolve(answer));
        return answer;
      }),
    );
    await until('some are refused', () => refused.length === 3);
    isProblem(t, await service.call('GET', '/v1/stats'), 'overloaded', /272 .*lists and counts/);
    t.equal((await service.call('HEAD', '/v1/tasks')).status, 503);
    t.equal((await service.call('GET', '/v1/tasks/a')).status, 404, 'a task is no list');
    t.equal((await service.call('GET', '/v1/tasks?limit=x')).status, 400, 'nor is a mistake');
    backend.open();
    const answers = await Promise.all(calls);
    t.equal(answers.filter(({ status }) => status === 200).length, AT_ONCE + QUEUED);
    t.equal((await service.call('GET', '/v1/tasks')).status, 200);
  },
);

/** Notes in which turn of the event loop each list begins. */
class NotingBackend extends MemoryBackend {
  readonly turns: number[] = [];
  #turn = 0;

  countTurns(): void {
    setImmediate(() => {
      this.#turn += 1;
      this.countTurns();
    }).unref();
  }

  protected override async _list(...call: Parameters<MemoryBackend['_list']>) {
    this.turns.push(this.#turn);
    return super._list(...call);
  }
}

t.test('each list has a turn of the event loop to itself', async (t) => {
  const backend = new NotingBackend();
  const service = await Service.start(t, backend);
  backend.countTurns();
  const socket = connect(service.port, '127.0.0.1').resume();
  t.teardown(() => {
    socket.destroy();
  });
  socket.write('GET /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(80));
  await until('all are listed', () => backend.turns.length === 80);
  t.equal(new Set(backend.turns).size, 80);
});
