/** Life cycle: every operation before, while and after; and what a restart finds again. */
import type { Test } from 'tap';
import { NEVER } from '../../src/record/entry.js';
import type { ResultBackend } from '../../src/result-backend.js';
import {
  errorOf,
  eventually,
  isError,
  opaque,
  pastInstant,
  refused,
  sameBytes,
  snapshotIn,
  success,
  successEnvelope,
} from './expect.js';
import { storeOperations } from './operations.js';
import { needing, type Topic } from './topic.js';

async function refusesAll(t: Test, backend: ResultBackend, when: string): Promise<void> {
  const calls = Object.entries(storeOperations(backend, 'task'));
  const errors = await Promise.all(calls.map(([, call]) => errorOf(call())));
  for (const [n, error] of errors.entries()) {
    isError(t, error, 'store-unavailable', `${when}: ${calls[n]![0]}`);
  }
}

export const lifeCycle: Topic = {
  name: 'life-cycle',
  cases: {
    'every operation before startup is refused': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = store.create();
      await refusesAll(t, backend, 'before');
      await backend.startup();
      t.equal(await backend.getStatus('task'), undefined, 'and nothing was stored');
      await backend.ping();
    },

    'every operation while shutting down is refused, and running ones end well': async (
      t,
      context,
    ) => {
      const store = await context.freshStore(t);
      const backend = await store.start();
      await backend.setResult('task', success('before'));
      let running = 0;
      const count = async <T>(call: Promise<T>): Promise<T> => {
        running += 1;
        try {
          return await call;
        } finally {
          running -= 1;
        }
      };
      const writes = Array.from({ length: 50 }, (_, n) =>
        count(backend.setResult(`task-${n}`, success(n), { mode: 'create' })),
      );
      const reads = Array.from({ length: 50 }, () => count(backend.getResult('task')));
      const batch = count(backend.getMany(['task', 'unknown']));
      const closing = backend.shutdown().then(() => running);
      await refusesAll(t, backend, 'while');
      t.equal(await closing, 0, 'no call was running any more when the store was closed');
      for (const write of writes) t.equal((await write).verdict, 'created');
      for (const read of reads) t.equal((await read)?.ready, true);
      t.equal((await batch)[0]?.ready, true);
    },

    'every operation after shutdown is refused': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start();
      await backend.setResult('task', success(1));
      const unsubscribe = await backend.subscribe(() => {});
      await backend.shutdown();
      await refusesAll(t, backend, 'after');
      await refused(t, backend.startup(), 'store-unavailable');
      await t.resolves(unsubscribe(), 'a subscription may be ended still');
    },

    'startup and shutdown may be repeated': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = store.create();
      await Promise.all([backend.startup(), backend.startup()]);
      await backend.startup();
      await backend.setResult('task', success(1));
      await backend.startup();
      t.equal(await backend.isResultReady('task'), true);
      await Promise.all([backend.shutdown(), backend.shutdown()]);
      await backend.shutdown();
      await refusesAll(t, backend, 'after');
    },

    'a backend that was never started can be shut down': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = store.create();
      await backend.shutdown();
      await refusesAll(t, backend, 'after');
      await refused(t, backend.startup(), 'store-unavailable');
    },

    'a shutdown during the startup leaves nothing open': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = store.create();
      const starting = backend.startup();
      await backend.shutdown();
      await t.resolves(starting);
      await refusesAll(t, backend, 'after');
      const next = await store.start();
      await next.setResult('task', success(1));
      t.equal(await next.isResultReady('task'), true, 'the store can be opened again');
    },

    'a ping of a running store resolves': async (t, { backend }) => {
      await t.resolves(backend.ping());
    },

    'what was acknowledged is there after a restart': needing('durable', async (t, context) => {
      const store = await context.freshStore(t);
      const before = await store.start();
      const view = before.supports.namespaces ? before.namespace('other') : before;
      await before.setProgress('json', { state: 'STARTED', meta: { a: 1 } });
      const json = await before.setResult('json', success('json', '"log"'), { ttlMs: NEVER });
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
      await view.setResult('opaque', opaque(bytes, 'a/b; c=d'));
      await before.setProgress('progress', { state: 'half way' });
      await before.setResult('deleted', success(1));
      await before.delete('deleted');
      const gone = await before.setResult('expired', success(1), { ttlMs: 5 });
      await before.setResult('consumed', success('taken', '"log"'));
      await before.consume('consumed', { idempotencyKey: 'k' });
      await before.shutdown();
      await pastInstant(snapshotIn(gone).expiresAt);

      const after = await store.start();
      const read = await after.getResult('json', { withLogs: true });
      sameBytes(t, read?.outcome, successEnvelope('json', '"log"'), 'the JSON outcome');
      t.equal(read?.toStatusView(), snapshotIn(json).toStatusView(), 'all that is known of it');
      const there = after.supports.namespaces ? after.namespace('other') : after;
      const thing = await there.getResult('opaque');
      sameBytes(t, thing?.outcome, bytes, 'the opaque outcome');
      t.equal(thing?.contentType, 'a/b; c=d');
      t.equal((await after.getProgress('progress'))?.state, 'half way');
      t.equal(await after.getStatus('deleted'), undefined);
      t.equal(await after.getStatus('expired'), undefined);
      const again = await after.consume('consumed', { idempotencyKey: 'k', withLogs: true });
      sameBytes(t, again?.outcome, successEnvelope('taken', '"log"'), 'the replay');
      const late = await after.setResult('consumed', success('taken', '"log"'), { mode: 'create' });
      t.equal(late.verdict, 'unchanged', 'the digest');
      const { version } = snapshotIn(await after.setResult('json', success(2)));
      t.not(version, read?.version);
    }),

    'after a restart what expires is still purged': needing('durable', async (t, context) => {
      const store = await context.freshStore(t);
      const before = await store.start();
      const ttlMs = 200;
      const receipts = await Promise.all(
        Array.from({ length: 20 }, (_, n) => before.setResult(`t-${n}`, success(n), { ttlMs })),
      );
      await before.shutdown();
      const after = await store.start();
      await after.setResult('kept', success(1));
      await pastInstant(snapshotIn(receipts.at(-1)).expiresAt);
      await eventually(t, async () => (await store.fixture.countStored()) <= 1, 'purged');
      t.equal(await store.fixture.countStored(), 1);
      t.equal(await after.isResultReady('kept'), true, 'and nothing else');
    }),
  },
};
