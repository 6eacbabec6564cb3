/** Outcomes of every kind come back as they were stored; who wins, and what the same outcome is. */
import { opaqueOutcome, outcomeFromJson } from '../../src/record/outcome.js';
import {
  errorOf,
  FAILURE_ENVELOPE,
  failure,
  isError,
  opaque,
  refused,
  sameBytes,
  sameVersion,
  snapshotIn,
  success,
  successEnvelope,
} from './expect.js';
import type { Topic } from './topic.js';

export const results: Topic = {
  name: 'results',
  cases: {
    'a success comes back byte for byte': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const receipt = await backend.setResult(taskId, success({ sum: 3 }));
      t.equal(receipt.verdict, 'created');
      const read = await backend.getResult(taskId);
      sameBytes(t, read?.outcome, successEnvelope({ sum: 3 }), 'the envelope');
      t.equal(read?.taskId, taskId);
      t.equal(read?.ready, true);
      t.equal(read?.state, 'SUCCESS');
      t.equal(read?.isErr, false);
      t.equal(read?.isOpaque, false);
      t.equal(read?.contentType, 'application/json');
      t.equal(read?.executionTime, '0.12');
      t.equal(read?.size, successEnvelope({ sum: 3 }).length);
      sameVersion(t, read, receipt.snapshot, 'read and receipt');
      t.equal(read?.toStatusView(), snapshotIn(receipt).toStatusView());
    },

    'a failure comes back byte for byte': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, failure());
      const read = await backend.getResult(taskId);
      sameBytes(t, read?.outcome, FAILURE_ENVELOPE, 'the envelope');
      t.equal(read?.state, 'FAILURE');
      t.equal(read?.isErr, true);
      t.equal(read?.executionTime, '0.0');
    },

    'a log is read only where it is asked for': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1, '"line 1\\nline 2 \\u001b"'));
      const without = await backend.getResult(taskId);
      sameBytes(t, without?.outcome, successEnvelope(1), 'without logs');
      const withLogs = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, withLogs?.outcome, successEnvelope(1, '"line 1\\nline 2 \\u001b"'), 'with');
      t.equal(without?.size, withLogs?.size, 'the size is that without the log');
      await backend.setResult(taskId, success(2));
      const after = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, after?.outcome, successEnvelope(2), 'a log goes with its outcome');
    },

    'a status moves no outcome': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, failure());
      const status = await backend.getStatus(taskId);
      t.equal(status?.ready, true);
      t.equal(status?.isErr, true);
      t.equal(status?.size, FAILURE_ENVELOPE.length);
      t.equal(status?.outcome, undefined);
      t.equal(status?.exception, undefined);
    },

    'a task is ready exactly when it has an outcome': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal(await backend.isResultReady(taskId), false);
      await backend.setProgress(taskId, { state: 'SUCCESS' });
      t.equal(await backend.isResultReady(taskId), false);
      await backend.setResult(taskId, failure());
      t.equal(await backend.isResultReady(taskId), true);
    },

    'an unknown task is absent, not an error': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal(await backend.getResult(taskId), undefined);
      t.equal(await backend.getResult(taskId, { withLogs: true }), undefined);
      t.equal(await backend.getStatus(taskId), undefined);
      t.equal(await backend.getProgress(taskId), undefined);
    },

    'the last write wins by default': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const first = await backend.setResult(taskId, success('first', '"a log"'));
      const second = await backend.setResult(taskId, failure());
      t.equal(second.verdict, 'replaced');
      t.not(second.snapshot?.version, first.snapshot?.version);
      sameBytes(t, (await backend.getResult(taskId))?.outcome, FAILURE_ENVELOPE, 'the second');
      const again = await backend.setResult(taskId, failure());
      t.equal(again.verdict, 'replaced', 'an equal outcome is a write like any other');
      t.not(again.snapshot?.version, second.snapshot?.version);
    },

    'with mode create the first outcome wins': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const first = await backend.setResult(taskId, success(1), { mode: 'create' });
      t.equal(first.verdict, 'created');
      const conflict = backend.setResult(taskId, success(2), { mode: 'create' });
      await refused(t, conflict, 'outcome-conflict', 'SUCCESS');
      const read = await backend.getResult(taskId);
      sameBytes(t, read?.outcome, successEnvelope(1), 'the first');
      sameVersion(t, read, first.snapshot, 'after a conflict');
      const other = context.taskId();
      await backend.setResult(other, failure(), { mode: 'create' });
      const late = backend.setResult(other, success(1), { mode: 'create' });
      await refused(t, late, 'outcome-conflict', 'FAILURE');
    },

    'the same outcome again is unchanged, its ttl aside': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const first = await backend.setResult(taskId, success(1, '"log"'), { mode: 'create' });
      const again = await backend.setResult(taskId, success(1, '"log"'), {
        mode: 'create',
        ttlMs: 60_000,
      });
      t.equal(again.verdict, 'unchanged');
      sameVersion(t, again.snapshot, first.snapshot, 'the receipt');
      sameVersion(t, await backend.getStatus(taskId), first.snapshot, 'a read');
      const otherLog = backend.setResult(taskId, success(1, '"other"'), { mode: 'create' });
      await refused(t, otherLog, 'outcome-conflict', 'SUCCESS');
      const noLog = backend.setResult(taskId, success(1), { mode: 'create' });
      await refused(t, noLog, 'outcome-conflict', 'SUCCESS');
    },

    'the same outcome in other spacing and key order is the same': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const document = (text: string) => outcomeFromJson(Buffer.from(text));
      await backend.setResult(taskId, document('{"return_value":1.0}'), { mode: 'create' });
      const spaced = document('{ "labels":{}, "return_value": 1.0, "is_err": false }');
      const again = await backend.setResult(taskId, spaced, { mode: 'create' });
      t.equal(again.verdict, 'unchanged');
      const respelt = backend.setResult(taskId, document('{"return_value":1.00}'), {
        mode: 'create',
      });
      await refused(t, respelt, 'outcome-conflict', 'SUCCESS');
    },

    'an outcome after progress is created, and keeps the progress': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED', meta: [1] });
      const receipt = await backend.setResult(taskId, success(1), { mode: 'create' });
      t.equal(receipt.verdict, 'created');
      const read = await backend.getResult(taskId);
      t.equal(read?.state, 'SUCCESS');
      t.equal(read?.progress?.state, 'STARTED');
      sameBytes(t, read?.progress?.meta, '[1]', 'the meta');
    },

    'an opaque outcome comes back byte for byte with its content type': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
      const outcome = opaqueOutcome(bytes, 'Image/PNG; q="é"', {
        isErr: true,
        executionTime: '1.50e-2',
      });
      await backend.setResult(taskId, outcome);
      for (const withLogs of [false, true]) {
        const read = await backend.getResult(taskId, { withLogs });
        sameBytes(t, read?.outcome, bytes, 'the bytes');
        t.equal(read?.isOpaque, true);
        t.equal(read?.contentType, 'Image/PNG; q="é"');
        t.equal(read?.isErr, true);
        t.equal(read?.state, 'FAILURE');
        t.equal(read?.executionTime, '1.50e-2');
        t.equal(read?.size, 512);
      }
    },

    'an opaque outcome may be empty': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal((await backend.setResult(taskId, opaque(''))).verdict, 'created');
      const read = await backend.getResult(taskId);
      t.equal(read?.ready, true);
      t.equal(read?.size, 0);
      sameBytes(t, read?.outcome, '', 'no byte');
      const again = await backend.setResult(taskId, opaque(''), { mode: 'create' });
      t.equal(again.verdict, 'unchanged');
    },

    'opaque outcomes are the same by content type, bytes, is_err and execution_time': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const taskId = context.taskId();
      const create = (body: string, type: string, details?: Parameters<typeof opaqueOutcome>[2]) =>
        backend.setResult(taskId, opaqueOutcome(Buffer.from(body), type, details), {
          mode: 'create',
        });
      await create('body', 'text/plain; charset=utf-8');
      const same = 'text/plain; charset=utf-8';
      t.equal((await create('body', same)).verdict, 'unchanged');
      for (const type of ['text/plain', 'text/plain; charset=latin1', 'text/html; charset=utf-8']) {
        await refused(t, create('body', type), 'outcome-conflict', 'SUCCESS');
      }
      await refused(t, create('BODY', same), 'outcome-conflict', 'SUCCESS');
      const failed = create('body', same, { isErr: true });
      await refused(t, failed, 'outcome-conflict', 'SUCCESS');
      const timed = create('body', same, { executionTime: '0.0' });
      await refused(t, timed, 'outcome-conflict', 'SUCCESS');
    },

    'a JSON outcome and an opaque one replace each other wholly': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1, '"log"'));
      await backend.setResult(taskId, opaque('thing'));
      const thing = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, thing?.outcome, 'thing', 'opaque after JSON');
      await backend.setResult(taskId, success(2));
      const json = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, json?.outcome, successEnvelope(2), 'JSON after opaque');
      t.equal(json?.contentType, 'application/json');
    },

    'an outcome of JavaScript values is written as taskiq would': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, { returnValue: { a: [1] }, executionTime: 0.5, log: 'x' });
      const read = await backend.getResult(taskId, { withLogs: true });
      const envelope =
        '{"is_err":false,"log":"x","return_value":{"a":[1]},"execution_time":0.5,"labels":{},' +
        '"error":null}';
      sameBytes(t, read?.outcome, envelope, 'the envelope');
    },

    'what is no outcome or progress at all is refused, too': async (t, context) => {
      const { backend } = context;
      const id = context.taskId();
      for (const value of [undefined, null, 5, 'done', 1n] as unknown[] as never[]) {
        isError(t, await errorOf(backend.setResult(id, value)), 'invalid-body', String(value));
        isError(t, await errorOf(backend.setProgress(id, value)), 'invalid-body', String(value));
      }
      t.equal(await backend.getStatus(id), undefined, 'nothing was stored');
    },

    'a value that JSON cannot hold is refused, and the error says where it stands': async (
      t,
      context,
    ) => {
      const { backend } = context;
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      const values: readonly (readonly [unknown, string])[] = [
        [1n, 'is a bigint'],
        [Number.NaN, 'is NaN'],
        [new Map([[1, 2]]), 'is of type Map'],
        [() => 1, 'is a function'],
        [circular, 'cannot be written as JSON'],
      ];
      for (const [value, flaw] of values) {
        const id = context.taskId();
        const labels = { weight: value } as Record<string, unknown>;
        const exception = { exc_type: 'E', exc_message: [value] };
        const writes = {
          'the outcome › return_value › rows › 0': backend.setResult(id, {
            returnValue: { rows: [value] },
          }),
          'the outcome › labels › weight': backend.setResult(id, { returnValue: 1, labels }),
          'the outcome › error › exc_message › 0': backend.setResult(id, { error: exception }),
          'the exception › exc_message › 0': backend.setException(id, exception),
          'the meta › at': backend.setProgress(id, { state: 'STARTED', meta: { at: value } }),
        };
        for (const [place, write] of Object.entries(writes)) {
          const error = await errorOf(write);
          isError(t, error, 'invalid-body', `${place} ${flaw}`);
          const says = value === circular ? flaw : `${place} ${flaw}`;
          t.ok((error as Error).message.includes(says), (error as Error).message);
        }
        t.equal(await backend.getStatus(id), undefined, 'nothing was stored');
      }
    },
  },
};
