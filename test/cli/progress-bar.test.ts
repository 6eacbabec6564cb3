/** How far a task has come: every usual spelling is a bar, and no bar contradicts its text. */
import t from 'tap';
import { Broker } from '../../src/broker.js';
import { advanceOf, bar, measuredBar, percentOf } from '../../src/cli/progress-bar.js';
import { fit } from '../../src/cli/style.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';

const { resultBackend: backend } = await Broker.fromUrl('memory:');
await backend.startup();
t.teardown(() => backend.shutdown());

async function advance(meta: string): Promise<{ fraction: number | undefined; text: string }> {
  const { snapshot } = await backend.setProgress(
    'a',
    Buffer.from(`{"state":"STARTED","meta":${meta}}`),
  );
  return advanceOf(snapshot as TaskSnapshot);
}

t.test('parts of a whole and percentages are bars', async (t) => {
  for (const [meta, fraction, text] of [
    ['{"done":3,"of":10}', 0.3, '3 of 10'],
    ['{"current":3,"total":10,"message":"reading"}', 0.3, 'reading'],
    ['{"completed":10,"total":10}', 1, '10 of 10'],
    ['{"percent":30}', 0.3, ''],
    ['{"percentage":30,"message":"x"}', 0.3, 'x'],
    ['{"percent":"30%"}', 0.3, ''],
    ['"30 %"', 0.3, ''],
    ['0.3', 0.3, ''],
    ['30', 0.3, ''],
    ['0', 0, ''],
  ] as const) {
    t.same(await advance(meta), { fraction, text }, meta);
  }
});

t.test('what cannot be measured has no bar, and is shown as it was sent', async (t) => {
  for (const meta of [
    '{"done":12,"of":10}',
    '{"done":-1,"of":10}',
    '{"done":0,"of":0}',
    '{"done":1}',
    '{"percent":101}',
    '{"percent":"30"}',
    '[3,10]',
    '1',
    '101',
    '-0.5',
    '1e400',
    'true',
    '{"__proto__":{"percent":30}}',
  ]) {
    t.same(await advance(meta), { fraction: undefined, text: meta }, meta);
  }
  t.same(await advance('null'), { fraction: undefined, text: '' });
  t.same(await advance('"two\\nlines"'), { fraction: undefined, text: 'two lines' });
});

t.test('a task that is ready has come to its end, whatever it said last', async (t) => {
  await backend.setProgress('b', { state: 'STARTED', meta: { done: 3, of: 10 } });
  const good = await backend.setResult('b', { returnValue: 1 });
  t.same(advanceOf(good.snapshot!), { fraction: 1, text: '' });
  const failed = await backend.setResult('b', { isErr: true });
  t.same(advanceOf(failed.snapshot!), { fraction: undefined, text: '' });
});

t.test('a bar is full, and says 100%, only where nothing is missing', async (t) => {
  t.equal(bar(0.9999, 4), '███▉');
  t.equal(percentOf(0.9999), '99%');
  t.equal(percentOf(0.29), '29%');
  t.equal(measuredBar(1, 4), '████ 100%');
  t.equal(measuredBar(0, 4), '░░░░   0%');
  t.equal(measuredBar(undefined, 4), '');
  for (let of = 1; of <= 40; of += 1) {
    for (let done = 0; done <= of; done += 1) {
      t.equal(bar(done / of, 16) === '█'.repeat(16), done === of, `${done} of ${of}`);
    }
  }
});

t.test('text is cut and padded by the columns that a terminal gives it', async (t) => {
  t.equal(fit('ab', 4), 'ab  ');
  t.equal(fit('日本語', 4), '日… ');
  t.equal(fit('👩‍👩‍👧x', 3), '👩‍👩‍👧x');
  t.equal(fit('e\u0301e\u0301', 2), 'e\u0301e\u0301');
  t.equal(fit('abcdef', 3), 'ab…');
  t.ok(fit(`e${'\u0301'.repeat(1_000_000)}`, 20).length < 1_000, 'marks have no width, but an end');
});
