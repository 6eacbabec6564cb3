/** Lists: their order, their filters and their pages. What they hold while tasks are written, and
 * the counts, stand in files of their own. */
import type { ResultBackend } from '../../src/result-backend.js';
import {
  eventually,
  failure,
  HOUR_MS,
  pastInstant,
  refused,
  SHORT_MS,
  snapshotIn,
  success,
} from './expect.js';
import { agrees, emptyBackend, idsOf, inOrder, isInOrder, traverse } from './listed.js';
import { storesCases } from './listing-stores.js';
import { traversalCases } from './listing-traversal.js';
import { needing, type Topic } from './topic.js';

const ODD_STATES = ['half way', 'other', 'success', 'PENDIN', 'PENDING ', '0', 'état "ü" \\ 鍵'];

function encoded(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url');
}

const BAD_CURSORS = [
  '',
  '!',
  'e30',
  encoded('abc'),
  encoded('12'),
  encoded('12 '),
  encoded(' task'),
  encoded('-1 task'),
  encoded('1.5 task'),
  encoded('12345678901234567 task'),
  encoded('12 a b'),
  encoded('12 ..'),
  encoded('12 é'),
  encoded(`12 ${'a'.repeat(256)}`),
];

/** One task in each state that there is, by id, as it is shown; an odd state stands for itself. */
async function fillStates(backend: ResultBackend): Promise<Map<string, string>> {
  const shown = new Map<string, string>();
  for (const state of ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', ...ODD_STATES]) {
    const taskId = `progress-${shown.size}`;
    await backend.setProgress(taskId, { state });
    shown.set(taskId, state === 'SUCCESS' || state === 'FAILURE' ? 'STARTED' : state);
  }
  await backend.setResult('success', success(1));
  await backend.setProgress('failure-of-started', { state: 'STARTED' });
  await backend.setResult('failure-of-started', failure());
  await backend.setResult('success-then-retry', success(1));
  await backend.setProgress('success-then-retry', { state: 'RETRY' });
  return shown
    .set('success', 'SUCCESS')
    .set('failure-of-started', 'FAILURE')
    .set('success-then-retry', 'SUCCESS');
}

export const listing: Topic = {
  name: 'listing',
  cases: {
    'a store that cannot list or count says so': async (t, context) => {
      const backend = await emptyBackend(t, context);
      if (backend.supports.listing) {
        t.same(await backend.list(), { items: [], nextCursor: undefined });
        const states = { PENDING: 0, STARTED: 0, RETRY: 0, SUCCESS: 0, FAILURE: 0, other: 0 };
        t.same(await backend.count(), { total: 0, states });
      } else {
        await refused(t, backend.list(), 'unsupported');
        await refused(t, backend.count(), 'unsupported');
      }
    },

    'every kind of write moves its task to the head': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      const ids = ['a', 'b', 'c', 'd', 'e'];
      for (const taskId of ids) await backend.setProgress(taskId, { state: 'STARTED' });
      const writes: Readonly<Record<string, (taskId: string) => Promise<unknown>>> = {
        progress: (taskId) => backend.setProgress(taskId, { state: 'STARTED' }),
        'progress of another state': (taskId) => backend.setProgress(taskId, { state: 'RETRY' }),
        'the first outcome': (taskId) => backend.setResult(taskId, success(1), { mode: 'create' }),
        'a second outcome': (taskId) => backend.setResult(taskId, failure()),
        'progress of a ready task': (taskId) => backend.setProgress(taskId, { state: 'odd' }),
        expire: (taskId) => backend.expire(taskId, HOUR_MS),
      };
      for (const [name, write] of Object.entries(writes)) {
        for (const taskId of ids) {
          // Two tasks of one millisecond would stand in the order of their ids.
          const head = (await backend.list({ limit: 1 })).items[0]!;
          await pastInstant(head.updatedAt);
          await write(taskId);
          const { items } = await backend.list();
          t.equal(items[0]?.taskId, taskId, `${name} of ${taskId}`);
          t.same(idsOf(items).sort(), ids, `${name} of ${taskId}: each is there once`);
        }
      }
      await agrees(t, backend, ids, 'afterwards');
    }),

    'a page ends early where progress is large, and the next goes on from there': needing(
      'listing',
      async (t, context) => {
        const backend = await emptyBackend(t, context);
        const progress = { state: 'STARTED', meta: 'm'.repeat(65_000) };
        const ids = Array.from({ length: 300 }, (_, index) => `task-${index}`);
        for (let from = 0; from < ids.length; from += 50) {
          const some = ids.slice(from, from + 50).map((taskId) => ({ taskId, progress }));
          await backend.setMany(some);
        }
        const pages: string[][] = [];
        let cursor: string | undefined;
        do {
          const page = await backend.list({ limit: 1_000, cursor });
          pages.push(idsOf(page.items));
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        t.same(
          pages.map((page) => page.length),
          [257, 43],
        );
        t.same(pages.flat().sort(), ids.sort(), 'each is there once');
      },
    ),

    'what changes nothing moves nothing': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      await backend.setResult('first', success(1));
      const { updatedAt } = snapshotIn(await backend.setResult('second', success(2)));
      await pastInstant(updatedAt);
      await backend.setResult('first', success(1), { mode: 'create' });
      await backend.setProgress('first', { state: 'PENDING' }, { mode: 'register' });
      await refused(
        t,
        backend.setResult('first', success(3), { mode: 'create' }),
        'outcome-conflict',
      );
      const conditions = { ifNoneMatch: '*' } as const;
      await refused(t, backend.setResult('first', success(3), { conditions }), 'version-mismatch');
      await refused(t, backend.delete('first', { ifMatch: ['1-0.o'] }), 'version-mismatch');
      await backend.getResult('first');
      const wanted = inOrder((await backend.getMany(['first', 'second'])).map((task) => task!));
      t.same(idsOf((await backend.list()).items), idsOf(wanted));
      await agrees(t, backend, ['first', 'second', 'unknown'], 'afterwards');
    }),

    'a task that was deleted or consumed is out at once': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      const ids = ['deleted', 'consumed', 'with-key', 'kept', 'back'];
      for (const taskId of ids) await backend.setResult(taskId, success(taskId));
      await backend.delete('deleted');
      await backend.consume('consumed');
      await backend.consume('with-key', { idempotencyKey: 'key' });
      await backend.delete('back');
      await backend.setProgress('back', { state: 'STARTED' });
      t.same(idsOf((await backend.list()).items).sort(), ['back', 'kept']);
      await agrees(t, backend, ids, 'afterwards');
    }),

    'a task is out as soon as it has expired, purged or not': needing('listing', async (t, c) => {
      const backend = await emptyBackend(t, c);
      const short = { ttlMs: SHORT_MS };
      const writes = [
        backend.setResult('outcome', success(1), short),
        backend.setResult('failure', failure(), short),
        backend.setProgress('progress', { state: 'STARTED' }, short),
        backend.setProgress('custom', { state: 'custom' }, short),
        backend.setResult('shortened', success(1)).then(() => backend.expire('shortened', 200)),
        backend.setResult('prolonged', success(1), short).then(async () => {
          await backend.expire('prolonged', HOUR_MS);
          return backend.setProgress('prolonged', { state: 'STARTED' }, short);
        }),
        backend.setResult('kept', success(1)),
      ];
      const receipts = (await Promise.all(writes)).slice(0, 5);
      const last = Math.max(...receipts.map((receipt) => snapshotIn(receipt).expiresAt!));
      await pastInstant(last);
      const [{ items }, counts] = await Promise.all([backend.list(), backend.count()]);
      t.same(idsOf(items).sort(), ['kept', 'prolonged']);
      t.equal(counts.total, 2);
      t.equal(counts.states.SUCCESS, 2);
      const ids = ['outcome', 'failure', 'progress', 'custom', 'shortened', 'prolonged', 'kept'];
      await pastInstant(Date.now() + SHORT_MS);
      await agrees(t, backend, ids, 'afterwards');
      await eventually(
        t,
        async () => (await backend.list({ states: ['custom'] })).items.length === 0,
        'and it stays so',
      );
    }),

    'filters by the state that is shown': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      const shown = await fillStates(backend);
      const all = idsOf((await backend.list()).items);
      t.equal(all.length, shown.size);
      const filters = [
        ...[...new Set(shown.values())].map((state) => [state]),
        ['PENDING', 'FAILURE'],
        ['SUCCESS', 'half way', 'RETRY'],
        ['other', 'success', 'SUCCESS', 'SUCCESS'],
        ['nothing like it'],
        ['nothing like it', 'STARTED'],
      ];
      for (const states of filters) {
        const wanted = all.filter((taskId) => states.includes(shown.get(taskId)!));
        const name = JSON.stringify(states);
        t.same(idsOf((await backend.list({ states })).items), wanted, name);
        t.same(idsOf(await traverse(t, backend, { states, limit: 1 })), wanted, `${name} by one`);
      }
      const { total, states } = await backend.count();
      t.equal(total, shown.size);
      const odd = ODD_STATES.length;
      t.same(states, { PENDING: 1, STARTED: 3, RETRY: 1, SUCCESS: 2, FAILURE: 1, other: odd });
    }),

    'bounds of time are exclusive': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      for (const taskId of ['b', 'a', 'd', 'c', 'e']) {
        const { updatedAt } = snapshotIn(await backend.setResult(taskId, success(1)));
        await pastInstant(updatedAt);
      }
      const times = (await backend.list()).items.map((task) => task.updatedAt);
      const [newest, , middle, , oldest] = times as [number, number, number, number, number];
      const idsIn = async (updatedAfter?: number, updatedBefore?: number, states?: string[]) =>
        idsOf(await traverse(t, backend, { updatedAfter, updatedBefore, states, limit: 1 })).join();
      t.equal(await idsIn(), 'e,c,d,a,b');
      t.equal(await idsIn(middle), 'e,c');
      t.equal(await idsIn(undefined, middle), 'a,b');
      t.equal(await idsIn(middle - 1, middle + 1), 'd');
      t.equal(await idsIn(middle - 0.5, middle + 0.5), 'd', 'within a millisecond');
      t.equal(await idsIn(middle + 0.5), 'e,c');
      t.equal(await idsIn(undefined, middle - 0.5), 'a,b');
      t.equal(await idsIn(oldest, newest), 'c,d,a');
      t.equal(await idsIn(middle, middle), '', 'nothing is between');
      t.equal(await idsIn(newest, oldest), '', 'nothing is in a range upside down');
      t.equal(await idsIn(newest), '');
      t.equal(await idsIn(undefined, oldest), '');
      t.equal(await idsIn(0, 8e15), 'e,c,d,a,b');
      t.equal(await idsIn(-8e15, 1), '');
      t.equal(await idsIn(oldest, newest, ['SUCCESS']), 'c,d,a', 'with a state');
      t.equal(await idsIn(oldest, newest, ['FAILURE']), '');
    }),

    'the limit is coerced to 1 … 1,000': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      const ids = Array.from({ length: 1_001 }, (_, n) => `task-${n}`);
      await backend.setMany(ids.map((taskId) => ({ taskId, progress: { state: 'PENDING' } })));
      const sizeOf = async (limit?: number) => (await backend.list({ limit })).items.length;
      t.equal(await sizeOf(), 100, 'the default');
      for (const limit of [0, -1, 0.9, 1, 1.9, Number.NEGATIVE_INFINITY]) {
        t.equal(await sizeOf(limit), 1, `${limit}`);
      }
      t.equal(await sizeOf(999.9), 999);
      for (const limit of [1_000, 1_001, 1e9, Number.POSITIVE_INFINITY]) {
        t.equal(await sizeOf(limit), 1_000, `${limit}`);
      }
      const all = await traverse(t, backend, { limit: 1_000 });
      t.same(idsOf(all).sort(), ids.sort(), 'two pages have all of them');
      t.ok(isInOrder(all));
    }),

    'a cursor that no page gave is refused': needing('listing', async (t, context) => {
      const backend = await emptyBackend(t, context);
      await backend.setResult('task', success(1));
      for (const cursor of BAD_CURSORS) {
        await refused(t, backend.list({ cursor }), 'invalid-parameter');
      }
    }),

    'namespaces are listed and counted apart': needing('namespaces', async (t, context) => {
      if (!context.backend.supports.listing) return;
      const store = await context.freshStore(t);
      const main = await store.start();
      // One name starts with the other, and one id is in all of them.
      const views = [main, main.namespace('default-2'), main.namespace('d')];
      for (const [n, view] of views.entries()) {
        for (let m = 0; m <= n; m += 1) await view.setProgress(`task-${m}`, { state: `in ${n}` });
      }
      for (const [n, view] of views.entries()) {
        const { items } = await view.list();
        t.same(new Set(items.map((task) => task.state)), new Set([`in ${n}`]));
        t.equal(items.length, n + 1);
        t.equal((await view.count()).total, n + 1);
      }
      await main.delete('task-0');
      t.same((await main.list()).items, []);
      t.equal((await views[2]!.count()).total, 3, 'a delete elsewhere counts elsewhere');
      t.equal((await main.namespace('empty').count()).total, 0);
    }),

    ...traversalCases,
    ...storesCases,
  },
};
