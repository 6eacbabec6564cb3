/** Batches on a store that can be asked for some of their tasks, or for none. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { storeUnavailable } from '../../src/errors.js';
import { type Answer, Service } from '../support/service.js';
import { NDJSON } from './suite/batches.js';

/** A store that cannot be asked for tasks whose id starts with "lost". */
class PartialBackend extends MemoryBackend {
  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    if (call[1].taskId.startsWith('lost')) throw storeUnavailable('that part of it is down');
    return super._execute(...call);
  }

  protected override async _executeMany(
    ...[namespace, commands]: Parameters<MemoryBackend['_executeMany']>
  ) {
    const replies = commands.map((command) => {
      // The contract has errors in the places of replies; memory's own way has none.
      return this._execute(namespace, command).catch((error) => error);
    });
    return Promise.all(replies);
  }
}

async function start(t: Test) {
  const service = await Service.start(t, new PartialBackend());
  const post = (path: string, body: unknown, headers = { 'content-type': 'application/json' }) =>
    service.call('POST', path, { body, headers });
  const item = (task_id: string, value = 1) => ({ task_id, outcome: { return_value: value } });
  return {
    post,
    item,
    set: (...items: unknown[]) => post('/v1/batch/set', { items }),
    remove: (...task_ids: unknown[]) => post('/v1/batch/delete', { task_ids }),
  };
}

function isUnavailable(t: Test, answer: Answer, message: string): void {
  t.equal(answer.status, 503, message);
  t.match(answer.headers['retry-after'], /^\d+$/, message);
  t.equal(answer.json().type, 'urn:resultd:problem:store-unavailable', message);
}

const codes = (answer: Answer) => {
  const { items } = answer.json() as unknown as { items: { code: number }[] };
  return items.map(({ code }) => code);
};

t.test('a batch that could ask the store for none of its items is 503', async (t) => {
  const { set, remove, item } = await start(t);
  isUnavailable(t, await set(item('lost-1'), item('lost-2')), 'set');
  isUnavailable(t, await set(item('b c'), item('lost-1'), 7), 'nobody asked it for a bad item');
  isUnavailable(t, await remove('lost-1', 'lost-2'), 'delete');
  isUnavailable(t, await remove('b c', 'lost-1', 'lost-1'), 'nor for a bad or a repeated id');
});

t.test('one that could ask it for any of them is answered item by item', async (t) => {
  const { set, remove, item } = await start(t);
  const answer = await set(item('lost-1'), item('there'), item('b c'));
  t.equal(answer.status, 200);
  t.same(codes(answer), [503, 201, 400]);
  t.match(answer.text, '"problem":{"type":"urn:resultd:problem:store-unavailable"');
  t.same(codes(await set(item('lost-1'), item('there', 2))), [503, 409], 'a conflict is an answer');
  const conditional = { ...item('there', 2), mode: 'replace', if_match: 'x' };
  t.same(codes(await set(item('lost-1'), conditional)), [503, 412], 'and so is a condition');
  t.same(codes(await set(item('b c'), 7)), [400, 400], 'of bad items alone it is not asked');
  const removed = await remove('lost-1', 'there', 'unknown', 'b c');
  t.equal(removed.status, 200);
  t.match(removed.json().items, [
    { task_id: 'lost-1', deleted: null, problem: { status: 503 } },
    { task_id: 'there', deleted: true },
    { task_id: 'unknown', deleted: false },
    { task_id: 'b c', deleted: null, problem: { status: 400 } },
  ]);
});

t.test('lines are answered as they go, whatever the store does', async (t) => {
  const { post, item } = await start(t);
  const lines = [item('lost-1'), item('lost-2')].map((one) => `${JSON.stringify(one)}\n`).join('');
  const answer = await post('/v1/batch/set', lines, NDJSON);
  t.equal(answer.status, 200);
  t.same(
    answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).code),
    [503, 503],
  );
});
