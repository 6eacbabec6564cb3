/** Namespaces: the same id in two of them is two tasks, for every operation. */
import type { ResultBackend } from '../../src/result-backend.js';
import {
  errorOf,
  HOUR_MS,
  isError,
  refused,
  sameBytes,
  sameVersion,
  success,
  successEnvelope,
} from './expect.js';
import { storeOperations } from './operations.js';
import { needing, type Topic } from './topic.js';

const BAD_NAMES = ['', 'A', 'a.b', 'a/b', 'a b', 'é', '..', 'a:b', '{a}', 'a'.repeat(65)];
const GOOD_NAMES = ['a', '0', '_', '-', 'team-a_1', 'a'.repeat(64)];

async function thrownBy(call: () => unknown): Promise<unknown> {
  return errorOf((async () => call())());
}

/** One task with all that it can have, whose every value names the namespace. */
async function fill(backend: ResultBackend, taskId: string): Promise<void> {
  const name = backend.boundNamespace;
  await backend.setResult(taskId, success(`consumed in ${name}`));
  await backend.consume(taskId, { idempotencyKey: 'key' });
  await backend.setProgress(taskId, { state: name });
  await backend.setResult(taskId, success(name, JSON.stringify(`log of ${name}`)));
}

export const namespaces: Topic = {
  name: 'namespaces',
  cases: {
    'a store without namespaces refuses another one': async (t, { backend }) => {
      t.equal(backend.namespace(backend.boundNamespace), backend);
      const error = await thrownBy(() => backend.namespace('other'));
      if (backend.supports.namespaces) t.equal(error, undefined);
      else isError(t, error, 'unsupported', 'another namespace');
    },

    'a bad name is refused': async (t, context) => {
      for (const name of BAD_NAMES) {
        const error = await thrownBy(() => context.backend.namespace(name));
        isError(t, error, 'invalid-parameter', JSON.stringify(name));
        const created = await thrownBy(() => context.store.fixture.create({ namespace: name }));
        isError(t, created, 'invalid-parameter', `create, ${JSON.stringify(name)}`);
      }
    },

    'every good name is a namespace of its own': needing('namespaces', async (t, context) => {
      const taskId = context.taskId();
      for (const name of GOOD_NAMES) {
        const view = context.backend.namespace(name);
        t.equal(view.boundNamespace, name);
        t.same(view.supports, context.backend.supports);
        t.equal(
          (await view.setResult(taskId, success(name), { mode: 'create' })).verdict,
          'created',
        );
      }
      for (const name of GOOD_NAMES) {
        const read = await context.backend.namespace(name).getResult(taskId);
        sameBytes(t, read?.outcome, successEnvelope(name), name);
      }
      t.equal(await context.backend.getStatus(taskId), undefined);
    }),

    'the same id in two namespaces is two tasks': needing('namespaces', async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const [red, blue] = [backend.namespace('red'), backend.namespace('blue')];
      await fill(red, taskId);
      await fill(blue, taskId);
      for (const view of [red, blue]) {
        const name = view.boundNamespace;
        const read = await view.getResult(taskId, { withLogs: true });
        const envelope = successEnvelope(name, JSON.stringify(`log of ${name}`));
        sameBytes(t, read?.outcome, envelope, name);
        t.equal((await view.getProgress(taskId))?.state, name);
        const again = await view.consume(taskId, { idempotencyKey: 'key' });
        sameBytes(t, again?.outcome, successEnvelope(`consumed in ${name}`), `${name}: replay`);
        t.equal((await view.getMany([taskId]))[0]?.version, read?.version);
      }
    }),

    'no operation touches the same id elsewhere': needing('namespaces', async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const green = backend.namespace('green');
      await fill(backend, taskId);
      const before = await backend.getStatus(taskId);
      const untouched = async (what: string) =>
        sameVersion(t, await backend.getStatus(taskId), before, what);
      t.equal(await green.getStatus(taskId), undefined);
      t.equal(await green.delete(taskId), false);
      await untouched('a delete of nothing');
      t.equal(await green.consume(taskId), undefined);
      t.equal(await green.consume(taskId, { idempotencyKey: 'key' }), undefined, 'no replay');
      t.equal(await green.expire(taskId, HOUR_MS), undefined);
      const registered = await green.setProgress(taskId, { state: 'A' }, { mode: 'register' });
      t.equal(registered.verdict, 'created');
      const conditions = { ifMatch: [before!.version] };
      await refused(t, green.delete(taskId, conditions), 'version-mismatch', 'A');
      await green.setResult(taskId, success('consumed in default'), { mode: 'create' });
      t.equal(await green.isResultReady(taskId), true, 'what was consumed elsewhere is no retry');
      await green.expire(taskId, HOUR_MS);
      await untouched('writes elsewhere');
      await green.consume(taskId, { idempotencyKey: 'other' });
      await untouched('a consume elsewhere');
      await green.setResult(taskId, success(1));
      t.equal(await green.delete(taskId), true);
      await untouched('a delete elsewhere');
      const again = await backend.consume(taskId, { idempotencyKey: 'key' });
      t.equal(again?.ready, true, 'a delete elsewhere forgets no consume here');
    }),

    'a backend may be bound to a namespace from the start': needing('namespaces', async (t, c) => {
      const store = await c.freshStore(t);
      const bound = await store.start({ namespace: 'bound' });
      t.equal(bound.boundNamespace, 'bound');
      const receipt = await bound.setResult('task', success(1));
      const main = bound.namespace('default');
      t.equal(await main.getStatus('task'), undefined);
      await main.setResult('task', success(2));
      sameVersion(t, await bound.getStatus('task'), receipt.snapshot, 'the bound one');
      const round = main.namespace('bound');
      sameVersion(t, await round.getStatus('task'), receipt.snapshot, 'by way of another view');
    }),

    'views share the life cycle of their backend': needing('namespaces', async (t, context) => {
      const store = await context.freshStore(t);
      const backend = store.create();
      const view = backend.namespace('early');
      await refused(t, view.getStatus('task'), 'store-unavailable');
      await view.startup();
      await backend.ping();
      await view.setResult('task', success(1));
      t.equal(await backend.namespace('early').isResultReady('task'), true);
      const running = view.setResult('task', success(2));
      const closing = view.shutdown();
      await t.resolves(running, 'a call of a view that was running comes to its end');
      await closing;
      for (const [name, call] of Object.entries(storeOperations(view, 'task'))) {
        isError(t, await errorOf(call()), 'store-unavailable', `view: ${name}`);
      }
      await refused(t, backend.getStatus('task'), 'store-unavailable');
    }),
  },
};
