/** Many tasks at once: answers stand in the order asked for, and each item fails alone. */
import { ResultdError } from '../../src/errors.js';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../../src/record/entry.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { SetManyItem } from '../../src/result-backend.js';
import { isError, refused, sameBytes, snapshotIn, success, successEnvelope } from './expect.js';
import type { Topic } from './topic.js';

const LOG = '"log"';

export const many: Topic = {
  name: 'many',
  cases: {
    'reads come in the order of the ids, duplicates and unknown ones included': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const [first, second, unknown] = [context.taskId(), context.taskId(), context.taskId()];
      await backend.setResult(first, success(1, LOG));
      await backend.setProgress(second, { state: 'STARTED', meta: 2 });
      const ids = [second, unknown, first, second, first, unknown];
      const read = await backend.getMany(ids);
      t.same(
        read.map((task) => task?.taskId),
        [second, undefined, first, second, first, undefined],
      );
      t.equal(read[0]?.state, 'STARTED');
      sameBytes(t, read[3]?.progress?.meta, '2', 'the meta');
      t.equal(read[4]?.toStatusView(), (await backend.getStatus(first))?.toStatusView());
      t.same(await backend.getMany([]), []);
    },

    'reads move the parts that were asked for': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1, LOG));
      t.equal((await backend.getMany([taskId]))[0]?.outcome, undefined, 'a head by default');
      t.equal((await backend.getMany([taskId], HEAD_ONLY))[0]?.outcome, undefined, 'a head');
      const body = (await backend.getMany([taskId], WITH_BODY))[0];
      sameBytes(t, body?.outcome, successEnvelope(1), 'without the log');
      const log = (await backend.getMany([taskId], WITH_LOG))[0];
      sameBytes(t, log?.outcome, successEnvelope(1, LOG), 'with the log');
    },

    'a read stops where it has as many bytes as it may hold': async (t, context) => {
      const { backend } = context;
      const ids = Array.from({ length: 200 }, () => context.taskId());
      await backend.setMany(ids.map((taskId, n) => ({ taskId, outcome: success(n, LOG) })));
      for (const maxBytes of [1, 4_000]) {
        const read: (TaskSnapshot | undefined)[] = [];
        while (read.length < ids.length) {
          const rest = [...ids.slice(read.length), context.taskId()];
          const some = await backend.getMany(rest, { ...WITH_LOG, maxBytes });
          t.ok(some.length > 0 && some.length <= 100, `${some.length} tasks, ${maxBytes} bytes`);
          read.push(...some);
        }
        t.same(
          read.slice(0, ids.length).map((task) => task?.outcome?.toString()),
          ids.map((_, n) => successEnvelope(n, LOG)),
        );
      }
    },

    'one bad id fails a read of many': async (t, context) => {
      const { backend } = context;
      await refused(t, backend.getMany([context.taskId(), 'a b']), 'invalid-task-id');
    },

    'writes are answered in order, and a bad one fails alone': async (t, context) => {
      const { backend } = context;
      const [taken, plain, progress] = [context.taskId(), context.taskId(), context.taskId()];
      const { version } = snapshotIn(await backend.setResult(taken, success('first')));
      const create = { mode: 'create' } as const;
      const items: readonly SetManyItem[] = [
        { taskId: plain, outcome: success(1, LOG), options: create },
        { taskId: taken, outcome: success('second'), options: create },
        { taskId: 'a b', outcome: success(1) },
        { taskId: progress, progress: { state: 'STARTED', meta: 1 } },
        { taskId: context.taskId(), progress: { state: '' } },
        { taskId: context.taskId(), outcome: success(1), options: { ttlMs: 0 } },
        { taskId: context.taskId(), outcome: { returnValue: 1n } },
        { taskId: taken, outcome: success(1), options: { conditions: { ifNoneMatch: '*' } } },
        {
          taskId: taken,
          outcome: { returnValue: 3 },
          options: { conditions: { ifMatch: [version] } },
        },
      ];
      const wanted = [
        'created',
        'outcome-conflict',
        'invalid-task-id',
        'created',
        'invalid-body',
        'invalid-parameter',
        'invalid-body',
        'version-mismatch',
        'replaced',
      ];
      const answers = await backend.setMany(items);
      t.same(
        answers.map((answer) => (answer instanceof ResultdError ? answer.code : answer.verdict)),
        wanted,
      );
      t.equal((answers[1] as ResultdError).taskState, 'SUCCESS');
      const read = await backend.getResult(plain, { withLogs: true });
      sameBytes(t, read?.outcome, successEnvelope(1, LOG), 'the first item');
      t.equal((await backend.getProgress(progress))?.state, 'STARTED');
      t.same(await backend.setMany([]), []);
    },

    'of two outcomes for one task in a batch one wins': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const options = { mode: 'create' } as const;
      const answers = await backend.setMany([
        { taskId, outcome: success(1), options },
        { taskId, outcome: success(2), options },
      ]);
      const lost = answers.filter((answer) => answer instanceof ResultdError);
      t.equal(lost.length, 1);
      isError(t, lost[0], 'outcome-conflict', 'the other one');
    },

    'thousands of writes, good and bad, are answered each on its own': async (t, context) => {
      const { backend } = context;
      const ids = Array.from({ length: 2_000 }, () => context.taskId());
      const options = { mode: 'create' } as const;
      const item = (taskId: string, n: number): SetManyItem => {
        if (n % 100 === 7) return { taskId: 'a b', outcome: success(n) };
        if (n % 4 === 3) return { taskId, progress: { state: `at ${n % 50}`, meta: n } };
        return { taskId, outcome: success(n, LOG), options };
      };
      // Every tenth task a second time, with another outcome: one of the two wins.
      const again = ids.flatMap((taskId, n) =>
        n % 10 === 0 ? [{ taskId, outcome: success('again'), options }] : [],
      );
      const answers = await backend.setMany([...ids.map(item), ...again]);
      t.equal(answers.length, ids.length + again.length);
      const found = answers.map((answer) =>
        answer instanceof ResultdError ? answer.code : answer.verdict,
      );
      const odd = found.slice(0, ids.length).filter((verdict, n) => {
        if (n % 10 !== 0) return verdict !== (n % 100 === 7 ? 'invalid-task-id' : 'created');
        const pair = [verdict, found[ids.length + n / 10]].sort();
        return pair.join() !== 'created,outcome-conflict';
      });
      t.same(odd, []);
      const read = await backend.getMany(ids, WITH_LOG);
      const broken = read.filter((task, n) => {
        if (n % 100 === 7) return task !== undefined;
        if (n % 4 === 3) return task?.progress?.meta.toString() !== String(n);
        return n % 10 !== 0 && task?.outcome?.toString() !== successEnvelope(n, LOG);
      });
      t.equal(broken.length, 0, 'each task has what its item said');
    },

    'ten thousand reads are answered in order': async (t, context) => {
      const { backend, random } = context;
      const known = Array.from({ length: 50 }, () => context.taskId());
      await backend.setMany(known.map((taskId, n) => ({ taskId, outcome: success(n) })));
      const numbers = Array.from({ length: 10_000 }, () => random.below(100));
      const read = await backend.getMany(
        numbers.map((n) => known[n] ?? `unknown-${n}`),
        WITH_BODY,
      );
      t.equal(read.length, 10_000);
      const broken = read.filter((task, at) => {
        const n = numbers[at]!;
        if (n >= known.length) return task !== undefined;
        return task?.taskId !== known[n] || task?.outcome?.toString() !== successEnvelope(n);
      });
      t.equal(broken.length, 0, `seed ${random.seed}`);
    },

    'a thousand writes and reads are no more than that': async (t, context) => {
      const { backend } = context;
      const ids = Array.from({ length: 1_000 }, () => context.taskId());
      const answers = await backend.setMany(
        ids.map((taskId, n) => ({ taskId, outcome: success(n) })),
      );
      const versions = answers.map((answer) =>
        answer instanceof ResultdError ? answer : snapshotIn(answer).version,
      );
      t.equal(new Set(versions).size, 1_000);
      const read = await backend.getMany(ids, WITH_BODY);
      t.same(
        read.map((task) => task?.version),
        versions,
      );
      t.same(
        read.map((task) => task?.outcome?.toString()),
        ids.map((_, n) => successEnvelope(n)),
      );
    },
  },
};
