/** Versions: every write makes a new one, and none ever comes back for other content. */

import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { HOUR_MS, pastInstant, snapshotIn, success } from './expect.js';
import type { Context, Topic } from './topic.js';

const VERSION = /^(\d+)-([0-9a-f]{16,})\.(o|p|op)$/;

function msOf(version: string | undefined): number {
  return Number(VERSION.exec(version ?? '')?.[1]);
}

function withoutLive(version: string | undefined): string | undefined {
  return version?.slice(0, version.lastIndexOf('.'));
}

/** All that a version stands for. */
function contentOf(snapshot: TaskSnapshot): string {
  const { state, progress, expiresAt, createdAt, size, executionTime } = snapshot;
  const outcome = snapshot.outcome?.toString('latin1');
  const meta = progress?.meta.toString('latin1');
  return JSON.stringify([
    state,
    progress?.state,
    meta,
    outcome,
    expiresAt,
    createdAt,
    size,
    executionTime,
  ]);
}

/** One step at random on one task, which no one else writes to. */
async function step(backend: ResultBackend, taskId: string, context: Context, n: number) {
  const { random } = context;
  const ttlMs = random.pick([1, 2, 3, 50, HOUR_MS]);
  switch (random.below(8)) {
    case 0:
    case 1:
      await backend.setResult(taskId, success(n), { ttlMs });
      break;
    case 2:
      await backend.setResult(taskId, success(random.below(3)), { ttlMs });
      break;
    case 3:
      await backend.setProgress(taskId, { state: 'STARTED', meta: n }, { ttlMs });
      break;
    case 4:
      await backend.expire(taskId, ttlMs);
      break;
    case 5:
      await backend.delete(taskId);
      break;
    case 6:
      if (await backend.isResultReady(taskId)) await backend.consume(taskId).catch(notReady);
      break;
    default:
      await pastInstant(Date.now() + random.below(3));
  }
}

/** The outcome may expire between the look and the consume; any other error is a real one. */
function notReady(error: unknown): undefined {
  if ((error as { code?: string }).code === 'not-ready') return undefined;
  throw error;
}

export const versions: Topic = {
  name: 'versions',
  cases: {
    'a version has its time, 64 random bits and the live records': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const before = Date.now();
      const progress = snapshotIn(await backend.setProgress(taskId, { state: 'STARTED' }));
      t.match(progress.version, VERSION);
      t.match(progress.version, /\.p$/);
      t.ok(Math.abs(msOf(progress.version) - before) < 1_000, 'the time is near the clock');
      t.equal(progress.updatedAt, msOf(progress.version));
      const both = snapshotIn(await backend.setResult(taskId, success(1)));
      t.match(both.version, /\.op$/);
      await backend.delete(taskId);
      t.match((await backend.setResult(taskId, success(1))).snapshot?.version, /\.o$/);
    },

    'every write renews the version, a change of expiry too, and its time grows': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const taskId = context.taskId();
      const writes = [
        () => backend.setProgress(taskId, { state: 'STARTED' }),
        () => backend.setProgress(taskId, { state: 'STARTED' }),
        () => backend.expire(taskId, HOUR_MS),
        () => backend.expire(taskId, HOUR_MS),
        () => backend.setResult(taskId, success(1)),
        () => backend.setResult(taskId, success(1)),
        () => backend.setProgress(taskId, { state: 'STARTED' }),
      ];
      let last = 0;
      const first = snapshotIn(await backend.setProgress(taskId, { state: 'PENDING' }));
      for (let round = 0; round < 5; round += 1) {
        for (const write of writes) {
          const snapshot = snapshotIn(await write());
          t.ok(msOf(snapshot.version) > last, `${snapshot.version} is later than ${last}`);
          last = msOf(snapshot.version);
          t.equal(snapshot.createdAt, first.createdAt, 'the birth stays');
          t.equal(snapshot.updatedAt, last);
        }
      }
    },

    'every kind of read tells the same version': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const { version } = snapshotIn(await backend.setResult(taskId, success(1, '"log"')));
      t.equal((await backend.getStatus(taskId))?.version, version);
      t.equal((await backend.getResult(taskId))?.version, version);
      t.equal((await backend.getResult(taskId, { withLogs: true }))?.version, version);
      t.equal((await backend.getMany([taskId]))[0]?.version, version);
    },

    'the version changes when the progress expires before the outcome': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const progress = { state: 'STARTED' };
      await backend.setResult(taskId, success(1), { ttlMs: HOUR_MS });
      const both = snapshotIn(await backend.setProgress(taskId, progress, { ttlMs: 20 }));
      t.match(both.version, /\.op$/);
      await pastInstant(both.updatedAt + 20);
      const alone = await backend.getStatus(taskId);
      t.match(alone?.version, /\.o$/);
      t.equal(withoutLive(alone?.version), withoutLive(both.version));
      t.equal(alone?.progress, undefined);
      t.equal(alone?.ready, true);
      t.equal(await backend.delete(taskId, { ifMatch: [alone!.version] }), true);
    },

    'a version is kept while any record lives': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const first = snapshotIn(await backend.setProgress(taskId, { state: 'A' }));
      await backend.setResult(taskId, success(1));
      const second = snapshotIn(await backend.setProgress(taskId, { state: 'A' }, { ttlMs: 20 }));
      await pastInstant(second.updatedAt + 20);
      t.equal(await backend.getProgress(taskId), undefined);
      const third = snapshotIn(await backend.setProgress(taskId, { state: 'B' }));
      t.ok(msOf(third.version) > msOf(second.version));
      t.equal(third.createdAt, first.createdAt, 'the task was never gone');
    },

    'a task that comes back has a new birth and a new version': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const seen = new Set<string>();
      for (let round = 0; round < 24; round += 1) {
        const { version } = snapshotIn(await backend.setResult(taskId, success(1)));
        t.notOk(seen.has(version), `${version} is new`);
        seen.add(version);
        await (round % 2 === 0 ? backend.delete(taskId) : backend.consume(taskId));
      }
      const short = snapshotIn(await backend.setResult(taskId, success(1), { ttlMs: 5 }));
      await pastInstant(short.expiresAt);
      const again = snapshotIn(await backend.setResult(taskId, success(1)));
      t.not(again.version, short.version);
      t.ok(again.createdAt > short.createdAt, 'it was born anew');
    },

    'a version never comes back for other content, whatever happens': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const seen = new Map<string, string>();
      for (let n = 0; n < 250; n += 1) {
        await step(backend, taskId, context, n);
        const read = await backend.getResult(taskId, { withLogs: true });
        if (read === undefined) continue;
        const content = contentOf(read);
        const before = seen.get(read.version) ?? content;
        if (before !== content) {
          t.equal(content, before, `step ${n}: ${read.version} (seed ${context.random.seed})`);
        }
        seen.set(read.version, content);
      }
      t.ok(seen.size > 10, `${seen.size} versions were seen (seed ${context.random.seed})`);
    },
  },
};
