/** Expiry: logical at once and to the millisecond, physical without anyone asking. */
import type { Test } from 'tap';
import { NEVER } from '../../src/record/entry.js';
import type { ResultBackend } from '../../src/result-backend.js';
import {
  eventually,
  expiresIn,
  failure,
  HOUR_MS,
  pastInstant,
  refused,
  SHORT_MS,
  sameBytes,
  sameVersion,
  snapshotIn,
  success,
  successEnvelope,
} from './expect.js';
import type { Topic } from './topic.js';

const BAD_TTLS = [0, -1, -HOUR_MS, Number.NaN, Number.NEGATIVE_INFINITY];

/**
 * Reads a task until it is past its expiry. A read that ended well before must have seen it, one
 * that began after must not.
 */
async function watchExpire(t: Test, backend: ResultBackend, taskId: string, expiresAt: number) {
  for (;;) {
    const began = Date.now();
    const isThere = (await backend.getStatus(taskId)) !== undefined;
    const ended = Date.now();
    if (ended < expiresAt - 2 && !isThere) {
      t.fail(`${taskId} was gone ${expiresAt - ended} ms before its expiry`);
    }
    if (began > expiresAt) {
      t.equal(isThere, false, `${taskId} is gone ${began - expiresAt} ms after its expiry`);
      return;
    }
  }
}

export const expiry: Topic = {
  name: 'expiry',
  cases: {
    'each record has the expiry that was asked for': async (t, context) => {
      const { backend } = context;
      const outcome = context.taskId();
      const receipt = await backend.setResult(outcome, success(1), { ttlMs: HOUR_MS });
      expiresIn(t, receipt.snapshot, HOUR_MS, 'an outcome');
      sameVersion(t, await backend.getStatus(outcome), receipt.snapshot, 'a read');
      const progress = context.taskId();
      const set = await backend.setProgress(progress, { state: 'S' }, { ttlMs: 2 * HOUR_MS });
      expiresIn(t, set.snapshot, 2 * HOUR_MS, 'progress');
      const never = await backend.setResult(context.taskId(), success(1), { ttlMs: NEVER });
      t.equal(never.snapshot?.expiresAt, undefined, 'never');
      const long = await backend.setResult(context.taskId(), success(1), { ttlMs: 1e300 });
      t.ok(
        long.snapshot!.expiresAt! > Date.now() + 3e12,
        'a very long one is clamped, not refused',
      );
      t.doesNotThrow(() => long.snapshot?.toStatusView());
    },

    'without a ttl each kind of record has its default': async (t, context) => {
      const { backend } = context;
      const byDefault = 24 * HOUR_MS;
      const { snapshot } = await backend.setResult(context.taskId(), success(1));
      expiresIn(t, snapshot, byDefault, 'a day');
      const store = await context.freshStore(t);
      const own = await store.start({
        resultTtlMs: HOUR_MS,
        failureTtlMs: 2 * HOUR_MS,
        progressTtlMs: 3 * HOUR_MS,
      });
      const result = await own.setResult('result', success(1));
      expiresIn(t, result.snapshot, HOUR_MS, 'a success');
      expiresIn(t, (await own.setResult('failure', failure())).snapshot, 2 * HOUR_MS, 'a failure');
      const exception = await own.setException('exception', { exc_type: 'E' });
      expiresIn(t, exception.snapshot, 2 * HOUR_MS, 'an exception');
      const progress = await own.setProgress('progress', { state: 'S' });
      expiresIn(t, progress.snapshot, 3 * HOUR_MS, 'progress');
    },

    'a ttl above the maximum is clamped to it': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start({ maxTtlMs: HOUR_MS });
      for (const ttlMs of [undefined, HOUR_MS + 1, 1e300, NEVER]) {
        const outcome = await backend.setResult('outcome', success(1), { ttlMs });
        expiresIn(t, outcome.snapshot, HOUR_MS, `outcome, ${ttlMs}`);
        const progress = await backend.setProgress('progress', { state: 'S' }, { ttlMs });
        expiresIn(t, progress.snapshot, HOUR_MS, `progress, ${ttlMs}`);
      }
      expiresIn(t, (await backend.expire('outcome', NEVER))?.snapshot, HOUR_MS, 'expire');
      const short = await backend.setResult('outcome', success(1), { ttlMs: 60_000 });
      expiresIn(t, short.snapshot, 60_000, 'a shorter one stays');
    },

    'a ttl that is not above 0 is refused, and nothing is changed': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const before = await backend.setResult(taskId, success(1));
      for (const ttlMs of BAD_TTLS) {
        await refused(t, backend.setResult(taskId, success(2), { ttlMs }), 'invalid-parameter');
        const progress = backend.setProgress(taskId, { state: 'S' }, { ttlMs });
        await refused(t, progress, 'invalid-parameter');
        await refused(t, backend.expire(taskId, ttlMs), 'invalid-parameter');
      }
      sameVersion(t, await backend.getStatus(taskId), before.snapshot, 'afterwards');
    },

    'a record of a few milliseconds lives so long and no longer': async (t, context) => {
      const { backend } = context;
      for (const ttlMs of [1, 2, 3, 5, 8, 13, 20, 35, 50]) {
        const outcome = context.taskId();
        const { expiresAt } = snapshotIn(await backend.setResult(outcome, success(1), { ttlMs }));
        await watchExpire(t, backend, outcome, expiresAt!);
        const progress = context.taskId();
        const set = await backend.setProgress(progress, { state: 'STARTED' }, { ttlMs });
        await watchExpire(t, backend, progress, snapshotIn(set).expiresAt!);
      }
    },

    'an expired task is absent for every operation': async (t, context) => {
      const { backend } = context;
      const ids = Array.from({ length: 8 }, () => context.taskId());
      await Promise.all(
        ids.map((id) => backend.setProgress(id, { state: 'STARTED' }, { ttlMs: 15 })),
      );
      const receipts = await Promise.all(
        ids.map((id) => backend.setResult(id, success('old', '"old log"'), { ttlMs: 15 })),
      );
      for (const receipt of receipts) await pastInstant(snapshotIn(receipt).expiresAt);
      const [read, make, match, register, remove, take, prolong, batch] = ids as [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
      ];
      t.equal(await backend.getResult(read), undefined);
      t.equal(await backend.isResultReady(read), false);
      t.equal(await backend.getProgress(read), undefined);
      t.same(await backend.getMany([batch]), [undefined]);
      t.equal(await backend.delete(remove), false);
      t.equal(await backend.consume(take), undefined);
      t.equal(await backend.expire(prolong, HOUR_MS), undefined, 'it is not revived');
      t.equal(await backend.getStatus(prolong), undefined);
      const any = backend.setResult(match, success(1), { conditions: { ifMatch: '*' } });
      await refused(t, any, 'version-mismatch', 'UNKNOWN');
      const registered = await backend.setProgress(
        register,
        { state: 'PENDING' },
        { mode: 'register' },
      );
      t.equal(registered.verdict, 'created');
      t.match(registered.snapshot?.version, /\.p$/, 'the expired outcome is not taken along');
      const created = await backend.setResult(make, success('new'), {
        mode: 'create',
        conditions: { ifNoneMatch: '*' },
      });
      t.equal(created.verdict, 'created');
      t.match(created.snapshot?.version, /\.o$/, 'the expired progress is not taken along');
      const after = await backend.getResult(make, { withLogs: true });
      sameBytes(t, after?.outcome, successEnvelope('new'), 'nor is the expired log');
    },

    'each write sets the expiry of its own record afresh': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const set = (ttlMs?: number) => backend.setResult(taskId, success(1), { ttlMs });
      expiresIn(t, (await set(HOUR_MS)).snapshot, HOUR_MS, 'first');
      expiresIn(t, (await set(60_000)).snapshot, 60_000, 'shorter');
      expiresIn(t, (await set(2 * HOUR_MS)).snapshot, 2 * HOUR_MS, 'longer');
      const progress = await backend.setProgress(taskId, { state: 'S' }, { ttlMs: 60_000 });
      expiresIn(t, progress.snapshot, 2 * HOUR_MS, "progress leaves the outcome's alone");
      expiresIn(t, (await set()).snapshot, 24 * HOUR_MS, 'the default');
      t.equal((await set(NEVER)).snapshot?.expiresAt, undefined, 'never');
    },

    'an outcome with a shorter life shortens that of the progress': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED' }, { ttlMs: NEVER });
      const receipt = await backend.setResult(taskId, success(1), { ttlMs: 40 });
      const { version, expiresAt } = snapshotIn(receipt);
      t.match(version, /\.op$/);
      await pastInstant(expiresAt);
      t.equal(await backend.getStatus(taskId), undefined);
    },

    'an outcome with a longer life does not lengthen that of the progress': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const short = { ttlMs: SHORT_MS };
      const progress = await backend.setProgress(taskId, { state: 'STARTED' }, short);
      await backend.setResult(taskId, success(1), { ttlMs: HOUR_MS });
      await pastInstant(snapshotIn(progress).expiresAt);
      t.equal(await backend.getProgress(taskId), undefined);
      sameBytes(t, (await backend.getResult(taskId))?.outcome, successEnvelope(1), 'the outcome');
    },

    'expire gives every live record the new expiry': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const short = { ttlMs: SHORT_MS };
      await backend.setProgress(taskId, { state: 'STARTED' }, short);
      const outcome = await backend.setResult(taskId, success(1, '"log"'), short);
      const longer = await backend.expire(taskId, HOUR_MS);
      t.equal(longer?.verdict, 'done');
      expiresIn(t, longer?.snapshot, HOUR_MS, 'longer');
      await pastInstant(snapshotIn(outcome).expiresAt);
      const read = await backend.getResult(taskId, { withLogs: true });
      t.equal(read?.version, longer?.snapshot?.version);
      t.match(read?.version, /\.op$/, 'both records live on');
      sameBytes(t, read?.outcome, successEnvelope(1, '"log"'), 'with the log');
      t.equal((await backend.expire(taskId, NEVER))?.snapshot?.expiresAt, undefined, 'never');
      const shorter = snapshotIn(await backend.expire(taskId, 10));
      await pastInstant(shorter.expiresAt);
      t.equal(await backend.getStatus(taskId), undefined, 'both end together');
    },

    'expire of an unknown task is absent, and creates nothing': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal(await backend.expire(taskId, HOUR_MS), undefined);
      t.equal(await backend.getStatus(taskId), undefined);
    },

    'what has expired is purged without anyone asking, and nothing else is': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start();
      const other = backend.supports.namespaces ? backend.namespace('other') : backend;
      const short = { ttlMs: SHORT_MS };
      let isKept = false;
      // A write that takes longer than the short time has expired before it can be prolonged.
      for (let tries = 0; tries < 20 && !isKept; tries += 1) {
        await backend.setResult('kept', success(1), short);
        isKept = (await backend.expire('kept', HOUR_MS)) !== undefined;
      }
      await backend.setResult('kept-for-ever', success(1), short);
      await backend.setResult('kept-for-ever', success(1), { ttlMs: NEVER });
      await backend.setResult('kept-alone', success(1));
      await backend.setProgress('kept-alone', { state: 'STARTED' }, short);
      const last = Date.now() + SHORT_MS;
      const write = async (n: number) => {
        const ttlMs = 1 + context.random.below(50);
        await backend.setResult(`outcome-${n}`, success(1, '"log"'), { ttlMs });
        await other.setProgress(`progress-${n}`, { state: 'STARTED' }, { ttlMs });
        await other.setResult(`cut-${n}`, success(1));
        await other.expire(`cut-${n}`, ttlMs);
      };
      await Promise.all(Array.from({ length: 40 }, (_, n) => write(n)));
      await eventually(t, async () => (await store.fixture.countStored()) <= 3, 'purged');
      await pastInstant(last + 200); // whoever purges by the first expiry has been by
      t.equal(await store.fixture.countStored(), 3, 'no more than what expired');
      t.equal(await backend.isResultReady('kept'), true);
      t.match((await backend.getStatus('kept-alone'))?.version, /\.o$/);
      t.equal((await backend.getStatus('kept-for-ever'))?.expiresAt, undefined);
    },
  },
};
