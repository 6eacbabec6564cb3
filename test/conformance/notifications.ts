/**
 * Notifications: a hint for every change, and none for what changes nothing. That nothing came is
 * shown by a later change of another task, which is heard of after it.
 */
import type { Test } from 'tap';
import type { ResultBackend } from '../../src/result-backend.js';
import { errorOf, HOUR_MS, snapshotIn, success } from './expect.js';
import { Hearing } from './hearing.js';
import { type Context, needing, type Topic } from './topic.js';

/** A subscription that ends with the test. */
async function listen(t: Test, backend: ResultBackend): Promise<Hearing> {
  const hearing = new Hearing();
  const unsubscribe = await backend.subscribe(hearing.listener);
  t.teardown(() => unsubscribe());
  return hearing;
}

/** Every write that changes a task, and what is to be heard of it. */
async function checkEveryWrite(t: Test, context: Context, from: ResultBackend, hearing: Hearing) {
  const taskId = context.taskId();
  const hears = async (version: string | null, what: string) => {
    const isHeard = await hearing.until(() => hearing.has(taskId, version));
    if (!isHeard) throw new Error(`${what} was not heard of`);
    t.pass(`${what} is heard of`);
  };
  const progress = { state: 'STARTED' };
  await hears(snapshotIn(await from.setProgress(taskId, progress)).version, 'progress');
  await hears(snapshotIn(await from.setProgress(taskId, progress)).version, 'progress again');
  await hears(snapshotIn(await from.setResult(taskId, success(1))).version, 'an outcome');
  await hears(snapshotIn(await from.setResult(taskId, success(2))).version, 'a replacement');
  await hears(snapshotIn(await from.expire(taskId, HOUR_MS)).version, 'an expiry');
  await from.delete(taskId);
  await hears(null, 'a delete');
  const other = context.taskId();
  const created = await from.setException(other, { exc_type: 'E' }, { mode: 'create' });
  const { version } = snapshotIn(created);
  await hearing.until(() => hearing.has(other, version));
  await from.consume(other, { idempotencyKey: 'k' });
  await hearing.until(() => hearing.has(other, null));
  t.same(
    [...new Set(hearing.of(other))],
    [version, null],
    'an exception and its consume, in order',
  );
  for (const notification of hearing.heard) {
    if ('lost' in notification) t.fail('nothing was lost');
    else t.equal(notification.namespace, from.boundNamespace);
  }
}

export const notifications: Topic = {
  name: 'notifications',
  cases: {
    'every change is heard of, with the version that it made': async (t, context) => {
      const hearing = await listen(t, context.backend);
      await checkEveryWrite(t, context, context.backend, hearing);
    },

    'what changes nothing is not heard of': async (t, context) => {
      const { backend } = context;
      const [done, begun, unknown] = [context.taskId(), context.taskId(), context.taskId()];
      await backend.setResult(done, success(1));
      await backend.setProgress(begun, { state: 'STARTED' });
      const gone = context.taskId();
      // A hint may come late: those of the preparations are let pass first.
      const hearing = await listen(t, backend);
      const { version: last } = snapshotIn(await backend.setResult(gone, success(1)));
      await hearing.until(() => hearing.has(gone, last));
      await backend.consume(gone, { idempotencyKey: 'k' });
      for (const taskId of [done, begun]) {
        const { version } = snapshotIn(await backend.expire(taskId, HOUR_MS));
        await hearing.until(() => hearing.has(taskId, version));
      }
      await hearing.until(() => hearing.has(gone, null));
      hearing.heard.length = 0;
      await backend.setResult(done, success(1), { mode: 'create' });
      await errorOf(backend.setResult(done, success(2), { mode: 'create' }));
      await errorOf(backend.setResult(done, success(2), { conditions: { ifMatch: ['x'] } }));
      await backend.setProgress(begun, { state: 'PENDING' }, { mode: 'register' });
      await errorOf(backend.consume(begun));
      await errorOf(backend.delete(begun, { ifMatch: ['x'] }));
      await errorOf(backend.expire(begun, 1_000, { ifNoneMatch: '*' }));
      await errorOf(backend.setProgress(begun, { state: '' }));
      await backend.delete(unknown);
      await backend.consume(unknown);
      await backend.expire(unknown, 1_000);
      await backend.consume(gone, { idempotencyKey: 'k' });
      await backend.setResult(gone, success(1), { mode: 'create' });
      await backend.delete(gone);
      await backend.getResult(done, { withLogs: true });
      const after = context.taskId();
      const { version } = snapshotIn(await backend.setResult(after, success(1)));
      t.equal(await hearing.until(() => hearing.has(after, version)), true);
      for (const taskId of [done, begun, unknown, gone]) {
        t.same(hearing.of(taskId), [], `nothing of ${taskId}`);
      }
    },

    'a subscription is live once it resolves, and each change comes': async (t, context) => {
      const { backend } = context;
      for (let round = 0; round < 20; round += 1) {
        const taskId = context.taskId();
        const hearing = new Hearing();
        const unsubscribe = await backend.subscribe(hearing.listener);
        const { version } = snapshotIn(await backend.setResult(taskId, success(round)));
        t.equal(await hearing.until(() => hearing.has(taskId, version)), true, `round ${round}`);
        await unsubscribe();
      }
    },

    'a thousand changes in a burst are all heard of': async (t, context) => {
      const { backend } = context;
      const hearing = await listen(t, backend);
      const ids = Array.from({ length: 1_000 }, () => context.taskId());
      await backend.setMany(ids.map((taskId) => ({ taskId, outcome: success(1) })));
      const isComplete = () => hearing.lost || hearing.heard.length >= ids.length;
      t.equal(await hearing.until(isComplete), true);
      t.equal(hearing.lost, false);
      const heard = new Set(hearing.heard.flatMap((one) => ('taskId' in one ? [one.taskId] : [])));
      t.equal(ids.filter((taskId) => !heard.has(taskId)).length, 0, 'no task is missing');
    },

    'a listener that has left hears nothing, and the others still do': async (t, context) => {
      const { backend } = context;
      const staying = await listen(t, backend);
      const leaving = new Hearing();
      const unsubscribe = await backend.subscribe(leaving.listener);
      const taskId = context.taskId();
      const first = snapshotIn(await backend.setResult(taskId, success(1)));
      await leaving.until(() => leaving.has(taskId, first.version));
      const { length } = leaving.heard;
      const left = unsubscribe();
      const second = snapshotIn(await backend.setResult(taskId, success(2)));
      await left;
      t.equal(await staying.until(() => staying.has(taskId, second.version)), true);
      t.equal(leaving.heard.length, length);
      await t.resolves(unsubscribe(), 'leaving twice does no harm');
      const third = snapshotIn(await backend.setResult(taskId, success(3)));
      t.equal(await staying.until(() => staying.has(taskId, third.version)), true);
    },

    'every one of many listeners hears of a change': async (t, context) => {
      const { backend } = context;
      const listeners = await Promise.all(Array.from({ length: 100 }, () => listen(t, backend)));
      const taskId = context.taskId();
      const { version } = snapshotIn(await backend.setResult(taskId, success(1)));
      const heard = await Promise.all(
        listeners.map((hearing) => hearing.until(() => hearing.has(taskId, version))),
      );
      t.equal(heard.filter(Boolean).length, 100);
    },

    'one listener with two subscriptions hears until both have ended': async (t, context) => {
      const { backend } = context;
      const hearing = new Hearing();
      const first = await backend.subscribe(hearing.listener);
      const second = await backend.subscribe(hearing.listener);
      const taskId = context.taskId();
      await first();
      const { version } = snapshotIn(await backend.setResult(taskId, success(1)));
      t.equal(await hearing.until(() => hearing.has(taskId, version)), true);
      await second();
    },

    'another namespace is not heard of': needing('namespaces', async (t, context) => {
      const { backend } = context;
      const other = backend.namespace('notified-elsewhere');
      const here = await listen(t, backend);
      const there = await listen(t, other);
      const taskId = context.taskId();
      const elsewhere = snapshotIn(await other.setResult(taskId, success(1)));
      t.equal(await there.until(() => there.has(taskId, elsewhere.version)), true);
      const own = snapshotIn(await backend.setResult(taskId, success(1)));
      t.equal(await here.until(() => here.has(taskId, own.version)), true);
      t.same([...new Set(here.of(taskId))], [own.version]);
      await checkEveryWrite(t, context, other, there);
      t.same([...new Set(there.of(taskId))], [elsewhere.version]);
      const strangers = here.heard.filter((one) => !('taskId' in one && one.taskId === taskId));
      t.same(strangers, [], 'nothing of the other namespace came here');
    }),

    'a change is heard of by every backend on the store': needing('shared', async (t, context) => {
      const writer = await context.store.start();
      const hearing = await listen(t, context.backend);
      const own = await listen(t, writer);
      await checkEveryWrite(t, context, writer, hearing);
      t.equal(await own.until(() => own.heard.length >= hearing.heard.length), true);
      await writer.shutdown();
      const taskId = context.taskId();
      const { version } = snapshotIn(await context.backend.setResult(taskId, success(1)));
      t.equal(await hearing.until(() => hearing.has(taskId, version)), true, 'and after it left');
    }),
  },
};
