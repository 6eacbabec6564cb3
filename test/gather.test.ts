/** Many tasks, waited for at once. */
import t from 'tap';
import { gather } from '../src/task/gather.js';
import { Task } from '../src/task.js';
import { errorOf } from './conformance/expect.js';
import { stores } from './support/stores.js';

const LONG = { timeoutMs: 240_000 };

for (const { name, open } of await stores(t)) {
  t.test(`${name}: all outcomes come in the order of the tasks, failures too`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const tasks = Array.from({ length: 250 }, (_, n) => new Task<number>(broker, `task-${n}`));
    const gathering = gather([...tasks, tasks[0]!], { ...LONG, withLogs: true });
    for (const [n, { taskId }] of tasks.entries()) {
      const outcome =
        n % 50 === 7 ? { isErr: true, returnValue: n } : { returnValue: n, log: `log ${n}` };
      await broker.resultBackend.setResult(taskId, outcome);
    }
    const { isComplete, results, pending } = await gathering;
    t.equal(isComplete, true);
    t.same(pending, []);
    t.same(
      results.map((result) => result?.returnValue),
      [...tasks.keys(), 0],
    );
    t.same(
      results.flatMap((result, n) => (result?.isErr ? [n] : [])),
      [7, 57, 107, 157, 207],
    );
    t.equal(results[1]?.log, 'log 1');
    t.equal((await gather(tasks)).results[1]?.log, undefined, 'no log where it was not asked for');
  });

  t.test(`${name}: what was not ready in time is named`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const [a, b, c] = ['a', 'b', 'c'].map((id) => new Task(broker, id));
    await broker.resultBackend.setResult('b', { returnValue: 1 });
    await broker.resultBackend.setProgress('c', { state: 'STARTED' });
    const { isComplete, results, pending } = await gather([a!, b!, c!], { timeoutMs: 50 });
    t.equal(isComplete, false);
    t.same(
      results.map((result) => result?.taskId),
      [undefined, 'b', undefined],
    );
    t.same(pending, [a, c]);
    t.equal((await gather([b!], { timeoutMs: 0 })).isComplete, true);
  });

  t.test(`${name}: any of them, or a number of them, is enough where that is asked`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const tasks = Array.from({ length: 5 }, (_, n) => new Task(broker, `task-${n}`));
    const any = gather(tasks, { ...LONG, mode: 'any' });
    const three = gather(tasks, { ...LONG, mode: { count: 3 } });
    await broker.resultBackend.setResult('task-4', { returnValue: 4 });
    const first = await any;
    t.equal(first.isComplete, true);
    t.equal(first.pending.length, 4);
    t.equal(first.results[4]?.returnValue, 4);
    await broker.resultBackend.setResult('task-0', { returnValue: 0 });
    await broker.resultBackend.setResult('task-2', { returnValue: 2 });
    t.same(
      (await three).pending.map(({ taskId }) => taskId),
      ['task-1', 'task-3'],
    );
  });

  t.test(`${name}: more tasks than one wait takes are waited for all the same`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    const tasks = Array.from({ length: 10_050 }, (_, n) => new Task(broker, `task-${n}`));
    const gathering = gather(tasks, LONG);
    const written = await broker.resultBackend.setMany(
      tasks.map(({ taskId }, n) => ({ taskId, outcome: { returnValue: n } })),
    );
    t.equal(
      written.find((reply) => reply instanceof Error),
      undefined,
    );
    const { isComplete, results } = await gathering;
    t.equal(isComplete, true);
    t.equal(results.at(-1)?.returnValue, 10_049);
    const tooMany = await errorOf(gather(tasks, { mode: 'any' }));
    t.match(tooMany, { code: 'invalid-parameter', message: /10050 tasks are too many/ });
  });

  t.test(`${name}: tasks of several kinds are gathered with their types`, async (t) => {
    const broker = await open(t);
    await broker.startup();
    await broker.resultBackend.setResult('n', { returnValue: 1 });
    await broker.resultBackend.setResult('s', { returnValue: 'one' });
    const kinds = [new Task<number>(broker, 'n'), new Task<string>(broker, 's')] as const;
    const { results } = await gather(kinds, LONG);
    const values: (number | string | undefined)[] = results.map((result) => result?.unwrap());
    t.same(values, [1, 'one']);
    const numbers: (number | undefined)[] = (await gather([kinds[0]], LONG)).results.map(
      (result) => result?.returnValue,
    );
    t.same(numbers, [1]);
  });

  t.test(`${name}: what makes no sense is refused`, async (t) => {
    const broker = await open(t);
    const other = await open(t);
    t.same(await gather([]), { isComplete: true, results: [], pending: [] });
    const task = new Task(broker, 'a');
    for (const count of [0, 2, 1.5]) {
      t.match(await errorOf(gather([task, new Task(broker, 'a')], { mode: { count } })), {
        code: 'invalid-parameter',
        message: `the count ${count} of tasks to wait for must be from 1 to 1`,
      });
    }
    t.match(await errorOf(gather([task, new Task(other, 'a')])), {
      code: 'invalid-parameter',
      message: /several brokers/,
    });
    const reason = new Error('enough');
    t.equal(await errorOf(gather([task], { signal: AbortSignal.abort(reason) })), reason);
  });
}
