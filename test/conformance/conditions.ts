/**
 * Conditions on writes (RFC 9110 §13): every operation, on every kind of task, with every kind of
 * condition. The tables below are written from the rules, not from the code that decides.
 */
import type { Test } from 'tap';
import { ResultdError } from '../../src/errors.js';
import type { Conditions } from '../../src/result-backend/commands.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { errorOf, HOUR_MS, refused, sameVersion, snapshotIn, success } from './expect.js';
import type { Context, Topic } from './topic.js';

type Kind = 'unknown' | 'progress' | 'outcome' | 'both';

interface Operation {
  /** Which kinds of task have the record that the operation addresses. */
  readonly addressed: readonly Kind[];
  /** What comes of it where the condition holds, in the order of `KINDS`. */
  readonly answers: readonly [string, string, string, string];
  run(backend: ResultBackend, taskId: string, conditions: Conditions): Promise<string>;
}

const KINDS: readonly Kind[] = ['unknown', 'progress', 'outcome', 'both'];
const STATES = { unknown: 'UNKNOWN', progress: 'STARTED', outcome: 'SUCCESS', both: 'SUCCESS' };
const STALE = '1700000000000-0123456789abcdef.o';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'set outcome, mode replace': {
    addressed: ['outcome', 'both'],
    answers: ['created', 'created', 'replaced', 'replaced'],
    run: async (backend, taskId, conditions) =>
      (await backend.setResult(taskId, success('new'), { conditions })).verdict,
  },
  'set outcome, mode create': {
    addressed: ['outcome', 'both'],
    answers: ['created', 'created', 'outcome-conflict', 'outcome-conflict'],
    run: async (backend, taskId, conditions) =>
      (await backend.setResult(taskId, success('new'), { mode: 'create', conditions })).verdict,
  },
  'set progress': {
    addressed: ['progress', 'both'],
    answers: ['created', 'replaced', 'created', 'replaced'],
    run: async (backend, taskId, conditions) =>
      (await backend.setProgress(taskId, { state: 'new' }, { conditions })).verdict,
  },
  register: {
    addressed: ['progress', 'both'],
    answers: ['created', 'unchanged', 'unchanged', 'unchanged'],
    run: async (backend, taskId, conditions) =>
      (await backend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register', conditions }))
        .verdict,
  },
  expire: {
    addressed: ['progress', 'outcome', 'both'],
    answers: ['absent', 'done', 'done', 'done'],
    run: async (backend, taskId, conditions) =>
      (await backend.expire(taskId, HOUR_MS, conditions))?.verdict ?? 'absent',
  },
  delete: {
    addressed: ['progress', 'outcome', 'both'],
    answers: ['absent', 'done', 'done', 'done'],
    run: async (backend, taskId, conditions) =>
      (await backend.delete(taskId, conditions)) ? 'done' : 'absent',
  },
  consume: {
    addressed: ['outcome', 'both'],
    answers: ['absent', 'not-ready', 'done', 'done'],
    run: async (backend, taskId, conditions) =>
      (await backend.consume(taskId, { conditions })) === undefined ? 'absent' : 'done',
  },
};

/** A condition on a task at `version`, and whether it holds where the task is known or not. */
interface Row {
  readonly name: string;
  readonly conditions: Conditions;
  holds(isKnown: boolean, isAddressed: boolean): boolean;
}

function rowsAt(version: string): readonly Row[] {
  return [
    { name: 'none', conditions: {}, holds: () => true },
    { name: 'If-Match: *', conditions: { ifMatch: '*' }, holds: (_, there) => there },
    { name: 'If-Match: matching', conditions: { ifMatch: [version] }, holds: (known) => known },
    { name: 'If-Match: stale', conditions: { ifMatch: [STALE] }, holds: () => false },
    {
      name: 'If-Match: stale, matching',
      conditions: { ifMatch: [STALE, version] },
      holds: (known) => known,
    },
    { name: 'If-Match: no version', conditions: { ifMatch: [] }, holds: () => false },
    { name: 'If-None-Match: *', conditions: { ifNoneMatch: '*' }, holds: (_, there) => !there },
    {
      name: 'If-None-Match: matching',
      conditions: { ifNoneMatch: [STALE, version] },
      holds: (known) => !known,
    },
    { name: 'If-None-Match: stale', conditions: { ifNoneMatch: [STALE] }, holds: () => true },
    {
      name: 'If-Match: matching and If-None-Match: *',
      conditions: { ifMatch: [version], ifNoneMatch: '*' },
      holds: (known, there) => known && !there,
    },
    {
      name: 'If-Match: * and If-None-Match: stale',
      conditions: { ifMatch: '*', ifNoneMatch: [STALE] },
      holds: (_, there) => there,
    },
  ];
}

/** A task of one kind; its version, or one that it never had where it is unknown. */
async function prepare(backend: ResultBackend, taskId: string, kind: Kind): Promise<string> {
  if (kind === 'progress' || kind === 'both') {
    await backend.setProgress(taskId, { state: 'STARTED' });
  }
  if (kind === 'outcome' || kind === 'both') await backend.setResult(taskId, success('old'));
  return (await backend.getStatus(taskId))?.version ?? `${STALE}p`;
}

async function answerOf(call: Promise<string>): Promise<{ answer: string; taskState?: unknown }> {
  try {
    return { answer: await call };
  } catch (error) {
    if (!(error instanceof ResultdError)) throw error;
    return { answer: error.code, taskState: error.taskState };
  }
}

async function checkRow(
  t: Test,
  context: Context,
  operation: Operation,
  { kind, index }: { kind: Kind; index: number },
): Promise<void> {
  const { backend } = context;
  const taskId = context.taskId();
  const { name, conditions, holds } = rowsAt(await prepare(backend, taskId, kind))[index]!;
  const before = await backend.getStatus(taskId);
  const found = await answerOf(operation.run(backend, taskId, conditions));
  const isHeld = holds(kind !== 'unknown', operation.addressed.includes(kind));
  const wanted = isHeld ? operation.answers[KINDS.indexOf(kind)]! : 'version-mismatch';
  t.equal(found.answer, wanted, `${name}, ${kind}: ${wanted}`);
  if (wanted === 'version-mismatch' || wanted === 'outcome-conflict' || wanted === 'not-ready') {
    t.equal(found.taskState, STATES[kind], `${name}, ${kind}: carries the task's state`);
    const after = await backend.getStatus(taskId);
    t.equal(after?.toStatusView(), before?.toStatusView(), `${name}, ${kind}: changes nothing`);
  }
}

async function checkTable(t: Test, context: Context, name: string): Promise<void> {
  const operation = OPERATIONS[name]!;
  const rows = rowsAt(STALE).map((_, index) => index);
  await Promise.all(
    KINDS.flatMap((kind) => rows.map((index) => checkRow(t, context, operation, { kind, index }))),
  );
}

const TABLES = Object.fromEntries(
  Object.keys(OPERATIONS).map((name) => [
    `${name}: every condition on every kind of task`,
    (t: Test, context: Context) => checkTable(t, context, name),
  ]),
);

export const conditions: Topic = {
  name: 'conditions',
  cases: {
    ...TABLES,

    'a version with other live records does not match': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED' });
      const { version } = snapshotIn(await backend.setResult(taskId, success(1)));
      t.match(version, /\.op$/);
      const ifMatch = [version.replace(/p$/, ''), version.replace(/\.op$/, ''), `"${version}"`];
      await refused(t, backend.delete(taskId, { ifMatch }), 'version-mismatch', 'SUCCESS');
      t.equal(await backend.delete(taskId, { ifMatch: [version] }), true);
    },

    'a failing condition on an outcome that is stored already so is a retry': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const taskId = context.taskId();
      const stored = await backend.setResult(taskId, success(1, '"log"'));
      const failing: readonly Conditions[] = [
        { ifMatch: [STALE] },
        { ifNoneMatch: '*' },
        { ifNoneMatch: [snapshotIn(stored).version] },
      ];
      for (const mode of ['replace', 'create'] as const) {
        for (const conditions of failing) {
          const same = success(1, '"log"');
          const receipt = await backend.setResult(taskId, same, { mode, conditions, ttlMs: 50 });
          t.equal(receipt.verdict, 'unchanged');
          sameVersion(t, receipt.snapshot, stored.snapshot, 'the receipt');
          const other = backend.setResult(taskId, success(1), { mode, conditions });
          await refused(t, other, 'version-mismatch', 'SUCCESS');
        }
      }
      sameVersion(t, await backend.getStatus(taskId), stored.snapshot, 'a read');
    },

    'a failing condition on progress that is stored already so is a retry': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const progress = { state: 'STARTED', meta: { done: 1 } };
      const stored = await backend.setProgress(taskId, progress);
      for (const conditions of [{ ifMatch: [STALE] }, { ifNoneMatch: '*' as const }]) {
        const receipt = await backend.setProgress(taskId, progress, { conditions, ttlMs: 50 });
        t.equal(receipt.verdict, 'unchanged');
        sameVersion(t, receipt.snapshot, stored.snapshot, 'the receipt');
        const other = backend.setProgress(taskId, { ...progress, meta: 2 }, { conditions });
        await refused(t, other, 'version-mismatch', 'STARTED');
      }
      sameVersion(t, await backend.getStatus(taskId), stored.snapshot, 'a read');
    },

    'a version of before a delete matches nothing after it': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const { version } = snapshotIn(await backend.setResult(taskId, success(1)));
      await backend.delete(taskId);
      const conditions = { ifMatch: [version] };
      const gone = backend.setResult(taskId, success(2), { conditions });
      await refused(t, gone, 'version-mismatch', 'UNKNOWN');
      await backend.setResult(taskId, success(1));
      const error = await errorOf(backend.setResult(taskId, success(2), { conditions }));
      t.equal((error as ResultdError | undefined)?.code, 'version-mismatch');
    },
  },
};
