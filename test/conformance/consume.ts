/** Consume: one caller gets the outcome; a repeat by key gets it again; a late retry does no harm. */

import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ConsumeOptions, ResultBackend } from '../../src/result-backend.js';
import {
  failure,
  opaque,
  pastInstant,
  refused,
  SHORT_MS,
  sameBytes,
  snapshotIn,
  success,
  successEnvelope,
} from './expect.js';
import type { Topic } from './topic.js';

const LOG = '"a log"';

/** What 50 callers at once are given; undefined for those that came too late. */
async function crowd(
  backend: ResultBackend,
  taskId: string,
  optionsOf: (n: number) => ConsumeOptions,
): Promise<(TaskSnapshot | undefined)[]> {
  const callers = Array.from({ length: 50 }, (_, n) => backend.consume(taskId, optionsOf(n)));
  return Promise.all(callers);
}

export const consume: Topic = {
  name: 'consume',
  cases: {
    'a consume returns the outcome and removes the task': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED', meta: 1 });
      const stored = snapshotIn(await backend.setResult(taskId, success(1, LOG)));
      const taken = await backend.consume(taskId);
      sameBytes(t, taken?.outcome, successEnvelope(1), 'the outcome, without its log');
      t.equal(taken?.toStatusView(), stored.toStatusView(), 'the task as it was');
      t.equal(await backend.getStatus(taskId), undefined);
      t.equal(await backend.getProgress(taskId), undefined, 'the progress is gone too');
      t.equal(await backend.consume(taskId), undefined);
      t.equal(await backend.delete(taskId), false);
    },

    'a consume with logs returns the log too': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1, LOG));
      const taken = await backend.consume(taskId, { withLogs: true });
      sameBytes(t, taken?.outcome, successEnvelope(1, LOG), 'the outcome');
      await backend.setResult(taskId, success(2));
      const read = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, read?.outcome, successEnvelope(2), 'the log does not come back');
    },

    'failures and opaque outcomes can be consumed': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, failure());
      t.equal((await backend.consume(taskId))?.isErr, true);
      await backend.setResult(taskId, opaque(''));
      sameBytes(t, (await backend.consume(taskId, { idempotencyKey: 'k' }))?.outcome, '', 'empty');
      const again = await backend.consume(taskId, { idempotencyKey: 'k', withLogs: true });
      sameBytes(t, again?.outcome, '', 'empty again');
      t.equal(again?.contentType, 'application/x-thing');
    },

    'a task without an outcome is not ready, and stays': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'half way' });
      await refused(t, backend.consume(taskId), 'not-ready', 'half way');
      await refused(t, backend.consume(taskId, { idempotencyKey: 'k' }), 'not-ready', 'half way');
      t.equal((await backend.getStatus(taskId))?.state, 'half way');
      await backend.setResult(taskId, success(1));
      const taken = await backend.consume(taskId, { idempotencyKey: 'k' });
      sameBytes(t, taken?.outcome, successEnvelope(1), 'a refusal is not remembered');
    },

    'an unknown task is absent, and that is not remembered': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal(await backend.consume(taskId), undefined);
      t.equal(await backend.consume(taskId, { idempotencyKey: 'k' }), undefined);
      await backend.setResult(taskId, success(1));
      t.equal((await backend.consume(taskId, { idempotencyKey: 'k' }))?.ready, true);
    },

    'of 50 callers at once exactly one gets the outcome': async (t, context) => {
      const { backend } = context;
      const kinds: readonly ((n: number) => ConsumeOptions)[] = [
        () => ({}),
        (n) => ({ idempotencyKey: `key-${n}` }),
        (n) => (n % 2 === 0 ? {} : { idempotencyKey: `key-${n}` }),
      ];
      for (const optionsOf of kinds) {
        const taskId = context.taskId();
        await backend.setResult(taskId, success('prize'));
        const given = (await crowd(backend, taskId, optionsOf)).filter((one) => one !== undefined);
        t.equal(given.length, 1, 'one winner');
        sameBytes(t, given[0]?.outcome, successEnvelope('prize'), 'the outcome');
      }
    },

    '50 callers with one key are all given the same': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success('prize'));
      const given = await crowd(backend, taskId, () => ({ idempotencyKey: 'one' }));
      const outcomes = new Set(given.map((one) => one?.outcome?.toString()));
      t.same([...outcomes], [successEnvelope('prize')]);
    },

    'a repeat by key is given the same again, before any other check': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const idempotencyKey = 'k';
      await backend.setProgress(taskId, { state: 'STARTED' });
      await backend.setResult(taskId, success(1, LOG));
      const { version } = snapshotIn(await backend.expire(taskId, SHORT_MS));
      const conditions = { ifMatch: [version] };
      const first = await backend.consume(taskId, { idempotencyKey, conditions });
      const repeat = async (message: string) => {
        const again = await backend.consume(taskId, { idempotencyKey, conditions });
        sameBytes(t, again?.outcome, successEnvelope(1), message);
        t.equal(again?.toStatusView(), first?.toStatusView(), `${message}: the view`);
        const withLogs = await backend.consume(taskId, { idempotencyKey, withLogs: true });
        sameBytes(t, withLogs?.outcome, successEnvelope(1, LOG), `${message}: with logs`);
      };
      await repeat('where the task is gone');
      t.equal(await backend.consume(taskId), undefined, 'without the key there is nothing');
      await backend.setProgress(taskId, { state: 'RETRY' });
      await repeat('where the task has begun again');
      await backend.setResult(taskId, success(2));
      await repeat('where a new outcome has come');
      await pastInstant(first?.expiresAt);
      await repeat('where the outcome would have expired since');
      sameBytes(t, (await backend.getResult(taskId))?.outcome, successEnvelope(2), 'it stays');
    },

    'each key is remembered with what it was given': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const keys = ['first', 'second', '"third"', 'ключ {4}', 'k'.repeat(255)];
      for (const [n, idempotencyKey] of keys.entries()) {
        await backend.setResult(taskId, success(n));
        await backend.consume(taskId, { idempotencyKey });
      }
      for (const [n, idempotencyKey] of keys.entries()) {
        const again = await backend.consume(taskId, { idempotencyKey });
        sameBytes(t, again?.outcome, successEnvelope(n), idempotencyKey.slice(0, 10));
      }
      t.equal(await backend.consume(taskId, { idempotencyKey: 'other' }), undefined);
      const elsewhere = context.taskId();
      const other = await backend.consume(elsewhere, { idempotencyKey: 'first' });
      t.equal(other, undefined, 'a key belongs to its task');
    },

    'a delete forgets every consume': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      for (const isThere of [true, false]) {
        await backend.setResult(taskId, success(1));
        await backend.consume(taskId, { idempotencyKey: 'k' });
        if (isThere) await backend.setProgress(taskId, { state: 'STARTED' });
        t.equal(await backend.delete(taskId), isThere);
        t.equal(await backend.consume(taskId, { idempotencyKey: 'k' }), undefined);
        const late = await backend.setResult(taskId, success(1), { mode: 'create' });
        t.equal(late.verdict, 'created', 'its digest is forgotten too');
        await backend.delete(taskId);
      }
    },

    'a late retry of what was consumed creates nothing': async (t, context) => {
      const { backend } = context;
      for (const options of [{}, { idempotencyKey: 'k' }]) {
        const taskId = context.taskId();
        const create = (value: number, log?: string) =>
          backend.setResult(taskId, success(value, log), { mode: 'create' });
        await create(1, LOG);
        await backend.consume(taskId, options);
        const late = await create(1, LOG);
        t.equal(late.verdict, 'unchanged');
        t.equal(late.snapshot, undefined);
        t.equal(await backend.getStatus(taskId), undefined, 'nothing was created');
        t.equal(await backend.consume(taskId), undefined);
        t.equal((await create(1)).verdict, 'created', 'another outcome is created');
      }
    },

    'a task that is run again after a consume may end with an equal outcome': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const begin: ((taskId: string) => Promise<unknown>)[] = [
        (taskId) => backend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register' }),
        (taskId) => backend.setProgress(taskId, { state: 'STARTED' }),
        async (taskId) => {
          await backend.setResult(taskId, success(2), { mode: 'create' });
          await backend.consume(taskId);
        },
        async (taskId) => {
          await backend.setResult(taskId, success(2), { ttlMs: SHORT_MS });
          await pastInstant((await backend.getStatus(taskId))?.expiresAt);
        },
      ];
      for (const options of [{}, { idempotencyKey: 'k' }]) {
        for (const [n, again] of begin.entries()) {
          const taskId = context.taskId();
          const create = () => backend.setResult(taskId, success(1), { mode: 'create' });
          await create();
          await backend.consume(taskId, options);
          await again(taskId);
          t.equal((await create()).verdict, 'created', `way ${n} of beginning again`);
          t.equal((await create()).verdict, 'unchanged', 'and that is retried');
          const { idempotencyKey } = options as { idempotencyKey?: string };
          if (idempotencyKey === undefined) continue;
          const replay = await backend.consume(taskId, { idempotencyKey });
          sameBytes(t, replay?.outcome, successEnvelope(1), 'the key is remembered all the same');
          t.equal(await backend.isResultReady(taskId), true, 'and takes nothing');
        }
      }
    },

    'a write that changes nothing begins no new life': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const create = () => backend.setResult(taskId, success(1), { mode: 'create' });
      await create();
      await backend.consume(taskId);
      const conditions = { ifMatch: '*' } as const;
      await refused(
        t,
        backend.setProgress(taskId, { state: 'A' }, { conditions }),
        'version-mismatch',
      );
      t.equal(await backend.expire(taskId, SHORT_MS), undefined);
      t.equal((await create()).verdict, 'unchanged');
    },

    'a late retry is a conflict once the task has a new outcome': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const create = (value: number) =>
        backend.setResult(taskId, success(value), { mode: 'create' });
      await create(1);
      await backend.consume(taskId);
      await create(2);
      await refused(t, create(1), 'outcome-conflict', 'SUCCESS');
      sameBytes(t, (await backend.getResult(taskId))?.outcome, successEnvelope(2), 'the new one');
    },

    'a replacing write of what was consumed does create it': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1));
      await backend.consume(taskId);
      t.equal((await backend.setResult(taskId, success(1))).verdict, 'created');
      sameBytes(t, (await backend.consume(taskId))?.outcome, successEnvelope(1), 'it is there');
    },

    'an idempotency key has 1 to 255 characters': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1));
      for (const idempotencyKey of ['', 'k'.repeat(256)]) {
        await refused(t, backend.consume(taskId, { idempotencyKey }), 'invalid-parameter');
      }
      t.equal(await backend.isResultReady(taskId), true, 'nothing was consumed');
    },
  },
};
