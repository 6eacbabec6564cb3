/** Sizes: large records come back whole, too large ones are refused whole. */
import { createHash } from 'node:crypto';
import { opaqueOutcome } from '../../src/record/outcome.js';
import { refused, sameBytes, success, successEnvelope } from './expect.js';
import type { Topic } from './topic.js';

const MIB = 1_048_576;

/** Bytes that do not compress and do not repeat. */
function noise(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let n = 0; n * 64 < length; n += 1) {
    blocks.push(createHash('sha512').update(String(n)).digest());
  }
  return Buffer.concat(blocks, length);
}

export const sizes: Topic = {
  name: 'sizes',
  cases: {
    'a large JSON outcome comes back with its large log': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const value = noise(MIB).toString('base64');
      const log = JSON.stringify(noise(MIB / 2).toString('hex'));
      await backend.setResult(taskId, success(value, log));
      sameBytes(t, (await backend.getResult(taskId))?.outcome, successEnvelope(value), 'alone');
      const withLogs = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, withLogs?.outcome, successEnvelope(value, log), 'with the log');
      const taken = await backend.consume(taskId, { idempotencyKey: 'k', withLogs: true });
      sameBytes(t, taken?.outcome, successEnvelope(value, log), 'consumed');
      const again = await backend.consume(taskId, { idempotencyKey: 'k', withLogs: true });
      sameBytes(t, again?.outcome, successEnvelope(value, log), 'and again');
    },

    'a large opaque outcome and progress up to its limit come back whole': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const meta = noise(48_000).toString('base64');
      await backend.setProgress(taskId, { state: 'STARTED', meta });
      await backend.setResult(taskId, opaqueOutcome(noise(3 * MIB + 1), 'application/x-noise'));
      const read = await backend.getResult(taskId);
      sameBytes(t, read?.outcome, noise(3 * MIB + 1), 'the outcome');
      sameBytes(t, read?.progress?.meta, JSON.stringify(meta), 'the meta');
    },

    'outcomes of every length around a power of two come back whole': async (t, context) => {
      const { backend } = context;
      for (const size of [1, 255, 256, 257, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537]) {
        const taskId = context.taskId();
        await backend.setResult(taskId, opaqueOutcome(noise(size), 'application/x-noise'));
        const read = await backend.getResult(taskId);
        sameBytes(t, read?.outcome, noise(size), `${size} bytes`);
        t.equal(read?.size, size);
      }
    },

    'an empty value next to a long content type and a long time is kept': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      const contentType = `application/x-${'long'.repeat(250)}`;
      const executionTime = `0.${'123456789'.repeat(50)}e-10`;
      await backend.setResult(
        taskId,
        opaqueOutcome(Buffer.alloc(0), contentType, { executionTime }),
      );
      const read = await backend.getResult(taskId);
      t.equal(read?.contentType, contentType);
      t.equal(read?.executionTime, executionTime);
      sameBytes(t, read?.outcome, '', 'no byte');
    },

    'a record above the limit is refused, and nothing is stored': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start({ maxRecordBytes: 1_000 });
      const bytes = (size: number) => opaqueOutcome(noise(size), 'application/x-noise');
      t.equal((await backend.setResult('exact', bytes(1_000))).verdict, 'created');
      await refused(t, backend.setResult('large', bytes(1_001)), 'too-large');
      const log = JSON.stringify('x'.repeat(998));
      await refused(t, backend.setResult('large', success(1, log)), 'too-large');
      const text = 'x'.repeat(1_000);
      await refused(t, backend.setException('large', { exc_type: text }), 'too-large');
      const [answer] = await backend.setMany([{ taskId: 'large', outcome: bytes(1_001) }]);
      t.equal((answer as { code?: string }).code, 'too-large');
      t.equal(await backend.getStatus('large'), undefined);
      await refused(t, backend.setResult('exact', bytes(1_001)), 'too-large');
      sameBytes(t, (await backend.getResult('exact'))?.outcome, noise(1_000), 'it stays');
    },

    'progress above its own limit is refused, and nothing is stored': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start({ maxProgressBytes: 1_000 });
      // {"state":"S","meta":""} has 23 bytes.
      const sized = (bytes: number) => ({ state: 'S', meta: 'x'.repeat(bytes - 23) });
      t.equal((await backend.setProgress('exact', sized(1_000))).verdict, 'created');
      await refused(t, backend.setProgress('large', sized(1_001)), 'too-large');
      const [answer] = await backend.setMany([{ taskId: 'large', progress: sized(1_001) }]);
      t.equal((answer as { code?: string }).code, 'too-large');
      t.equal(await backend.getStatus('large'), undefined);
      await backend.setResult('exact', opaqueOutcome(noise(2_000), 'application/x-noise'));
      const { progress } = (await backend.getStatus('exact'))!;
      t.equal(progress?.meta.length, 979, 'and an outcome has another limit');
    },

    'progress has a limit where nobody set one: 64 KiB': async (t, context) => {
      const { backend } = context;
      const sized = (bytes: number) => ({ state: 'S', meta: 'x'.repeat(bytes - 23) });
      const [exact, large] = [context.taskId(), context.taskId()];
      t.equal((await backend.setProgress(exact, sized(65_536))).verdict, 'created');
      await refused(t, backend.setProgress(large, sized(65_537)), 'too-large');
    },
  },
};
