/** Failures as exceptions: what is completed, what is kept, and how to tell that there is one. */
import { opaqueOutcome, outcomeFromException, outcomeFromJson } from '../../src/record/outcome.js';
import { opaque, refused, sameBytes, success } from './expect.js';
import type { Topic } from './topic.js';

const BOOM = { exc_type: 'ValueError', exc_message: 'boom', traceback: 'line 1' };
const BOOM_COMPLETE =
  '{"exc_type":"ValueError","exc_message":["boom"],"traceback":"line 1","exc_module":null}';

export const exceptions: Topic = {
  name: 'exceptions',
  cases: {
    'an exception is a failure, and is completed for taskiq': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const receipt = await backend.setException(taskId, BOOM);
      t.equal(receipt.verdict, 'created');
      t.equal(receipt.snapshot?.state, 'FAILURE');
      t.equal(receipt.snapshot?.hasException, true);
      const read = await backend.getResult(taskId);
      sameBytes(t, read?.exception, BOOM_COMPLETE, 'the exception');
      const envelope =
        '{"is_err":true,"log":null,"return_value":null,"execution_time":0,"labels":{},"error":';
      sameBytes(t, read?.outcome, `${envelope}${BOOM_COMPLETE}}`, 'the outcome');
    },

    'execution time, labels and log are lifted out of an exception': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setException(taskId, {
        exc_type: 'a.B',
        execution_time: 1.5,
        labels: { queue: 'q' },
        log: 'a line',
        extra: { deep: [1] },
      });
      const envelope =
        '{"is_err":true,"log":"a line","return_value":null,"execution_time":1.5,' +
        '"labels":{"queue":"q"},"error":{"exc_type":"a.B","extra":{"deep":[1]},' +
        '"exc_message":[],"exc_module":null}}';
      const read = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, read?.outcome, envelope, 'the outcome');
      t.equal(read?.executionTime, '1.5');
    },

    'causes and contexts are completed at each level, and else kept': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const document =
        '{"exc_type":"A","exc_message":["a",1.0,1e400],"exc_module":"m","exc_cause":' +
        '{"exc_type":"B","exc_message":"b","exc_context":{"exc_type":"C"}},"exc_context":null}';
      await backend.setResult(taskId, outcomeFromException(Buffer.from(document)));
      const complete =
        '{"exc_type":"A","exc_message":["a",1.0,1e400],"exc_module":"m","exc_cause":' +
        '{"exc_type":"B","exc_message":["b"],"exc_context":{"exc_type":"C","exc_message":[],' +
        '"exc_module":null},"exc_module":null},"exc_context":null}';
      sameBytes(t, (await backend.getResult(taskId))?.exception, complete, 'the exception');
    },

    'with mode create the first exception wins': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setException(taskId, BOOM, { mode: 'create' });
      const again = await backend.setException(taskId, BOOM, { mode: 'create' });
      t.equal(again.verdict, 'unchanged');
      const other = backend.setException(taskId, { exc_type: 'Other' }, { mode: 'create' });
      await refused(t, other, 'outcome-conflict', 'FAILURE');
      const late = backend.setResult(taskId, success(1), { mode: 'create' });
      await refused(t, late, 'outcome-conflict', 'FAILURE');
      sameBytes(t, (await backend.getResult(taskId))?.exception, BOOM_COMPLETE, 'the first');
    },

    'a success has no exception, unless one was given beside it': async (t, context) => {
      const { backend } = context;
      const plain = context.taskId();
      await backend.setResult(plain, success(1));
      const none = await backend.getResult(plain);
      t.equal(none?.hasException, false);
      sameBytes(t, none?.exception, 'null', 'no exception');
      const both = context.taskId();
      const document = '{"is_err":false,"return_value":1,"error":{"exc_type":"E"}}';
      await backend.setResult(both, outcomeFromJson(Buffer.from(document)));
      const read = await backend.getResult(both);
      t.equal(read?.isErr, false);
      t.equal(read?.hasException, true);
      const exception = '{"exc_type":"E","exc_message":[],"exc_module":null}';
      sameBytes(t, read?.exception, exception, 'the exception');
    },

    'a status tells of an exception beside a success': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const document = '{"is_err":false,"return_value":1,"error":{"exc_type":"E"}}';
      await backend.setResult(taskId, outcomeFromJson(Buffer.from(document)));
      t.equal((await backend.getStatus(taskId))?.hasException, true);
    },

    'a failure without an exception says null': async (t, context) => {
      const { backend } = context;
      const json = context.taskId();
      await backend.setResult(json, outcomeFromJson(Buffer.from('{"is_err":true}')));
      const bytes = context.taskId();
      await backend.setResult(bytes, opaqueOutcome(Buffer.from('x'), 'a/b', { isErr: true }));
      for (const taskId of [json, bytes]) {
        const read = await backend.getResult(taskId);
        t.equal(read?.hasException, true);
        sameBytes(t, read?.exception, 'null', 'null');
      }
      const well = context.taskId();
      await backend.setResult(well, opaque('x'));
      t.equal((await backend.getStatus(well))?.hasException, false, 'an opaque success has none');
    },

    'an exception without a type is refused, and nothing is stored': async (t, context) => {
      const { backend } = context;
      const bad: readonly Record<string, unknown>[] = [
        {},
        { exc_message: 'x' },
        { exc_type: 1 },
        { exc_type: null },
        { exc_type: 'E', exc_cause: 'text' },
        { exc_type: 'E', exc_cause: { exc_message: 'no type' } },
        { exc_type: 'E', labels: [] },
        { exc_type: 'E', execution_time: 'long' },
      ];
      for (const exception of bad) {
        const taskId = context.taskId();
        await refused(t, backend.setException(taskId, exception), 'invalid-body');
        t.equal(await backend.getStatus(taskId), undefined, 'nothing was stored');
      }
    },
  },
};
