/** Progress: it tells how a task goes, and never whether it is finished. */
import { progressFromJson } from '../../src/record/progress.js';
import {
  HOUR_MS,
  pastInstant,
  refused,
  SHORT_MS,
  sameBytes,
  sameVersion,
  snapshotIn,
  success,
} from './expect.js';
import type { Topic } from './topic.js';

const STATES = [
  'PENDING',
  'STARTED',
  'RETRY',
  'SUCCESS',
  'FAILURE',
  'uploading "part" \\ 2/3',
  'größer als 多 😀',
  '\u2028',
  '__proto__',
  ' ',
  's'.repeat(64),
  '😀'.repeat(64),
];

const BAD_STATES = [
  '',
  's'.repeat(65),
  '😀'.repeat(65),
  'a\nb',
  '\u0000',
  '\u007f',
  '\u0085',
  '\ud800',
];

export const progress: Topic = {
  name: 'progress',
  cases: {
    'progress comes back with its meta byte for byte': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const meta = '{ "a" : 1.0,"a":1e400, "__proto__":[-0.0,"\\u00e9\\/"] }';
      const document = Buffer.from(`{"meta": ${meta} , "state":"STARTED"}`);
      const receipt = await backend.setProgress(taskId, progressFromJson(document));
      t.equal(receipt.verdict, 'created');
      t.equal(receipt.snapshot?.state, 'STARTED');
      const read = await backend.getProgress(taskId);
      t.equal(read?.state, 'STARTED');
      sameBytes(t, read?.meta, meta, 'the meta');
      sameVersion(t, await backend.getStatus(taskId), receipt.snapshot, 'read and receipt');
    },

    'every state comes back as it was': async (t, context) => {
      const { backend } = context;
      for (const state of STATES) {
        const taskId = context.taskId();
        await backend.setProgress(taskId, { state, meta: { state } });
        const read = await backend.getStatus(taskId);
        t.equal(read?.progress?.state, state);
        sameBytes(t, read?.progress?.meta, JSON.stringify({ state }), 'the meta');
      }
    },

    'a bad state or meta is refused, and nothing is stored': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      for (const state of BAD_STATES) {
        await refused(t, backend.setProgress(taskId, { state }), 'invalid-body');
      }
      await refused(t, backend.setProgress(taskId, { state: 'S', meta: 1n }), 'invalid-body');
      t.equal(await backend.getStatus(taskId), undefined);
    },

    'the latest progress replaces the one before it wholly': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const first = await backend.setProgress(taskId, { state: 'STARTED', meta: { done: 1 } });
      const second = await backend.setProgress(taskId, { state: 'half way' });
      t.equal(second.verdict, 'replaced');
      t.not(second.snapshot?.version, first.snapshot?.version);
      const read = await backend.getProgress(taskId);
      t.equal(read?.state, 'half way');
      sameBytes(t, read?.meta, 'null', 'the meta is null by default');
    },

    'progress never makes a task ready, whatever its state says': async (t, context) => {
      const { backend } = context;
      for (const state of ['SUCCESS', 'FAILURE']) {
        const taskId = context.taskId();
        await backend.setProgress(taskId, { state });
        const read = await backend.getResult(taskId);
        t.equal(read?.ready, false);
        t.equal(read?.state, 'STARTED', 'it does not look finished');
        t.equal(read?.progress?.state, state, 'what was said is kept');
        t.equal(read?.isErr, undefined);
        t.equal(read?.outcome, undefined);
        t.equal(read?.exception, undefined);
        t.equal(read?.contentType, undefined);
        t.equal(read?.size, undefined);
        t.equal(read?.executionTime, undefined);
        t.equal(read?.hasException, false);
      }
    },

    'progress after the outcome never makes it unready': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const outcome = await backend.setResult(taskId, success(1, '"log"'));
      const late = await backend.setProgress(taskId, { state: 'RETRY', meta: 7 });
      t.equal(late.verdict, 'created');
      t.not(late.snapshot?.version, outcome.snapshot?.version);
      for (const read of [late.snapshot, await backend.getStatus(taskId)]) {
        t.equal(read?.ready, true);
        t.equal(read?.state, 'SUCCESS');
        t.equal(read?.progress?.state, 'RETRY');
        sameBytes(t, read?.progress?.meta, '7', 'the meta');
      }
      const read = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, read?.outcome, success(1).body.toString().replace('null', '"log"'), 'outcome');
    },

    'registering writes only where the task has no record at all': async (t, context) => {
      const { backend } = context;
      const register = (taskId: string) =>
        backend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register', ttlMs: 60_000 });
      const unknown = context.taskId();
      const created = await register(unknown);
      t.equal(created.verdict, 'created');
      t.equal(created.snapshot?.state, 'PENDING');
      const again = await register(unknown);
      t.equal(again.verdict, 'unchanged');
      sameVersion(t, again.snapshot, created.snapshot, 'registered twice');

      const started = context.taskId();
      const progress = await backend.setProgress(started, { state: 'STARTED', meta: 1 });
      t.equal((await register(started)).verdict, 'unchanged');
      sameVersion(t, await backend.getStatus(started), progress.snapshot, 'after a start');
      t.equal((await backend.getProgress(started))?.state, 'STARTED');

      const finished = context.taskId();
      const outcome = await backend.setResult(finished, success(1));
      t.equal((await register(finished)).verdict, 'unchanged');
      sameVersion(t, await backend.getStatus(finished), outcome.snapshot, 'after the outcome');
      t.equal(await backend.getProgress(finished), undefined);
    },

    'a task may be registered in any state': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const progress = { state: 'queued "here"', meta: [1] };
      const created = await backend.setProgress(taskId, progress, { mode: 'register' });
      t.equal(created.verdict, 'created');
      t.equal((await backend.getStatus(taskId))?.state, progress.state);
      const again = await backend.setProgress(taskId, { state: 'other' }, { mode: 'register' });
      t.equal(again.verdict, 'unchanged');
      sameVersion(t, again.snapshot, created.snapshot, 'registered twice');
    },

    'progress does not outlive the outcome that is there already': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const outcome = await backend.setResult(taskId, success(1), { ttlMs: SHORT_MS });
      const receipt = await backend.setProgress(taskId, { state: 'STARTED' }, { ttlMs: HOUR_MS });
      t.equal(receipt.snapshot?.expiresAt, outcome.snapshot?.expiresAt);
      await pastInstant(snapshotIn(outcome).expiresAt);
      t.equal(await backend.getStatus(taskId), undefined);
    },
  },
};
