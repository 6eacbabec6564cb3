/**
 * Races: writers at once, on one backend and on several that share a store. What is random comes
 * from the printed seed; what the store makes of it differs from run to run, so the tests check
 * what must hold in every order.
 */
import type { Test } from 'tap';
import { ResultdError } from '../../src/errors.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { errorOf, HOUR_MS, sameBytes, snapshotIn, success, successEnvelope } from './expect.js';
import type { Context, Topic } from './topic.js';

/** Backends to write through by turns: two on one store where it is shared. */
async function writers(context: Context, t: Test): Promise<(n: number) => ResultBackend> {
  const backends = [context.backend];
  if (context.backend.supports.shared) {
    const second = await context.store.start();
    t.teardown(() => second.shutdown());
    backends.push(second);
  }
  return (n) => backends[n % backends.length]!;
}

function times<T>(count: number, make: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => make(n)));
}

/** What a call came to: its value, or the code of its error. */
async function verdictOf(call: Promise<{ verdict: string }>): Promise<string> {
  try {
    return (await call).verdict;
  } catch (error) {
    if (error instanceof ResultdError) return error.code;
    throw error;
  }
}

function valueIn<T>(snapshot: TaskSnapshot | undefined): T {
  return (JSON.parse(snapshot!.outcome!.toString()) as { return_value: T }).return_value;
}

/**
 * Adds one to the count that a task holds, however many others do so too. Each outcome names its
 * writer: equal outcomes of two writers would be the same outcome, and the second one a retry.
 */
async function increment(backend: ResultBackend, taskId: string, by: string): Promise<void> {
  for (;;) {
    const read = await backend.getResult(taskId);
    const next = success({ count: valueIn<Count>(read).count + 1, by });
    const conditions = { ifMatch: [read!.version] };
    const verdict = await verdictOf(backend.setResult(taskId, next, { conditions }));
    if (verdict === 'replaced') return;
    if (verdict !== 'version-mismatch') throw new Error(`an increment came to ${verdict}`);
  }
}

interface Count {
  readonly count: number;
  readonly by: string;
}

/** What a random run saw: every outcome that was written and taken, and every broken reading. */
interface Journal {
  readonly written: Set<number>;
  readonly taken: number[];
  readonly contents: Map<string, string>;
  readonly broken: string[];
}

/** Checks that one reading is of one write: outcome and log belong together, and so does the version. */
function note(journal: Journal, taskId: string, read: TaskSnapshot): void {
  const text = read.outcome?.toString() ?? '';
  const { return_value: value, log } =
    text === '' ? { return_value: 0, log: 'log 0' } : JSON.parse(text);
  if (log !== `log ${value}`) journal.broken.push(`${taskId}: value ${value} with ${log}`);
  if (text !== '' && !journal.written.has(value)) journal.broken.push(`${value} was never written`);
  const key = `${taskId} ${read.version}`;
  const content = `${text} ${read.progress?.meta} ${read.expiresAt}`;
  const before = journal.contents.get(key);
  if (before !== undefined && before !== content) {
    journal.broken.push(`${key} stood for ${before}, and for ${content}`);
  }
  journal.contents.set(key, content);
}

async function randomCall(
  backend: ResultBackend,
  taskId: string,
  { context, journal, n }: { context: Context; journal: Journal; n: number },
): Promise<void> {
  const { random } = context;
  const withLogs = true;
  switch (random.below(8)) {
    case 0:
    case 1: {
      const mode = random.pick(['create', 'replace'] as const);
      journal.written.add(n);
      await backend.setResult(taskId, success(n, JSON.stringify(`log ${n}`)), { mode });
      return;
    }
    case 2:
      await backend.setProgress(taskId, { state: 'STARTED', meta: n });
      return;
    case 3: {
      const idempotencyKey = random.pick([undefined, `key ${n}`]);
      const taken = await backend.consume(taskId, { withLogs, idempotencyKey });
      if (taken === undefined) return;
      note(journal, taskId, taken);
      journal.taken.push(valueIn<number>(taken));
      return;
    }
    case 4:
      await backend.delete(taskId);
      return;
    case 5:
      await backend.expire(taskId, HOUR_MS + n);
      return;
    default: {
      const read = await backend.getResult(taskId, { withLogs });
      if (read !== undefined) note(journal, taskId, read);
    }
  }
}

export const races: Topic = {
  name: 'races',
  cases: {
    'of many creators with different outcomes exactly one wins': async (t, context) => {
      const writer = await writers(context, t);
      for (let round = 0; round < 5; round += 1) {
        const taskId = context.taskId();
        const verdicts = await times(40, (n) =>
          verdictOf(writer(n).setResult(taskId, success(n), { mode: 'create' })),
        );
        const winner = verdicts.indexOf('created');
        t.same(
          verdicts,
          verdicts.map((_, n) => (n === winner ? 'created' : 'outcome-conflict')),
          'one created, the others in conflict',
        );
        const read = await writer(0).getResult(taskId);
        sameBytes(t, read?.outcome, successEnvelope(winner), "the winner's outcome");
      }
    },

    'of many creators with the same outcome one creates, the others retry': async (t, context) => {
      const writer = await writers(context, t);
      const taskId = context.taskId();
      const receipts = await times(40, (n) =>
        writer(n).setResult(taskId, success('same'), { mode: 'create' }),
      );
      t.equal(receipts.filter(({ verdict }) => verdict === 'created').length, 1);
      t.equal(receipts.filter(({ verdict }) => verdict === 'unchanged').length, 39);
      const versions = new Set(receipts.map((receipt) => snapshotIn(receipt).version));
      t.equal(versions.size, 1, 'all are told of one version');
    },

    'of many that ask for an unwritten record exactly one is first': async (t, context) => {
      const writer = await writers(context, t);
      const conditions = { ifNoneMatch: '*' } as const;
      const [outcome, progress, registered] = [
        context.taskId(),
        context.taskId(),
        context.taskId(),
      ];
      const outcomes = await times(20, (n) =>
        verdictOf(writer(n).setResult(outcome, success(n), { conditions })),
      );
      const states = await times(20, (n) =>
        verdictOf(writer(n).setProgress(progress, { state: `state ${n}` }, { conditions })),
      );
      for (const verdicts of [outcomes, states]) {
        t.equal(verdicts.filter((verdict) => verdict === 'created').length, 1);
        t.equal(verdicts.filter((verdict) => verdict === 'version-mismatch').length, 19);
      }
      const registers = await times(20, (n) =>
        verdictOf(writer(n).setProgress(registered, { state: 'PENDING' }, { mode: 'register' })),
      );
      t.equal(registers.filter((verdict) => verdict === 'created').length, 1);
      t.equal(registers.filter((verdict) => verdict === 'unchanged').length, 19);
    },

    'no increment by If-Match is lost': async (t, context) => {
      const writer = await writers(context, t);
      const taskId = context.taskId();
      await writer(0).setResult(taskId, success({ count: 0, by: 'nobody' }));
      await times(8, async (n) => {
        for (let m = 0; m < 10; m += 1) await increment(writer(n), taskId, `${n}.${m}`);
      });
      t.equal(valueIn<Count>(await writer(1).getResult(taskId)).count, 80);
    },

    'versions of writers at once are all different, and in order': async (t, context) => {
      const writer = await writers(context, t);
      const taskId = context.taskId();
      const receipts = await times(60, (n) =>
        n % 2 === 0
          ? writer(n >> 1).setResult(taskId, success(n))
          : writer(n >> 1).setProgress(taskId, { state: 'STARTED', meta: n }),
      );
      const millis = receipts.map((receipt) => snapshotIn(receipt).updatedAt);
      t.equal(new Set(millis).size, 60, 'no two writes of a task share a time');
      const last = await writer(0).getStatus(taskId);
      t.equal(last?.updatedAt, Math.max(...millis), 'the latest is what is there');
    },

    'a delete and a consume at once: the outcome goes to one of them': async (t, context) => {
      const writer = await writers(context, t);
      for (let round = 0; round < 20; round += 1) {
        const taskId = context.taskId();
        await writer(round).setResult(taskId, success(round));
        const [removed, taken] = await Promise.all([
          writer(0).delete(taskId),
          writer(1).consume(taskId),
        ]);
        t.not(removed, taken !== undefined, `round ${round}: either, never both or neither`);
        t.equal(await writer(round).getStatus(taskId), undefined);
      }
    },

    'whatever many do at once, each reading is of one write': async (t, context) => {
      const writer = await writers(context, t);
      const ids = Array.from({ length: 4 }, () => context.taskId());
      const journal: Journal = {
        written: new Set(),
        taken: [],
        contents: new Map(),
        broken: [],
      };
      t.comment(`seed ${context.random.seed}`);
      await times(8, async (worker) => {
        for (let m = 0; m < 60; m += 1) {
          const n = 1 + worker + 8 * m;
          const details = { context, journal, n };
          const call = randomCall(writer(worker), context.random.pick(ids), details);
          const error = await errorOf(call);
          if (error === undefined) continue;
          const { code } = error as Partial<ResultdError>;
          if (code !== 'outcome-conflict' && code !== 'not-ready') throw error;
        }
      });
      t.same(journal.broken, [], `no reading is torn (seed ${context.random.seed})`);
      t.equal(new Set(journal.taken).size, journal.taken.length, 'nothing was consumed twice');
      t.ok(journal.taken.length > 5, `${journal.taken.length} outcomes were consumed`);
      for (const taskId of ids) await writer(0).delete(taskId);
      t.same(
        await writer(1).getMany(ids),
        ids.map(() => undefined),
      );
    },
  },
};
