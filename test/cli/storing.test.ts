/** `resultd set` and `resultd fail`: what they store, what they refuse, and how long they try. */
import t, { type Test } from 'tap';
import { ServiceTarget, Target } from '../support/target.js';

async function outcomeOf(t: Test, target: ServiceTarget, taskId: string): Promise<string> {
  return (await target.run(t, ['get', taskId, '--json'])).text;
}

const target = await ServiceTarget.start(t);
t.beforeEach(() => target.clear());

t.test('set stores labels and time beside the value, all as they are spelt', async (t) => {
  const flags = ['--labels', '{"q": 1.0, "q": "b"}', '--execution-time', '0.50', '--ttl', '10m'];
  const result = await target.run(t, ['set', 'a', ' [1, 2 ] ', ...flags]);
  t.same([result.code, result.text, result.errors], [0, '', ''], 'it is silent');
  t.equal(
    await outcomeOf(t, target, 'a'),
    '{"is_err":false,"log":null,"return_value":[1, 2 ],"execution_time":0.50,"labels":{"q": 1.0, "q": "b"},"error":null}\n',
  );
});

t.test('set reads the standard input with -, as JSON, as text or as bytes', async (t) => {
  await target.run(t, ['set', 'a', '-'], { stdin: '{"a":\n1}\n' });
  t.match(await outcomeOf(t, target, 'a'), '"return_value":{"a":\n1},');
  await target.run(t, ['set', 'b', '-', '--text'], { stdin: '{"a":1}\n' });
  t.match(await outcomeOf(t, target, 'b'), '"return_value":"{\\"a\\":1}\\n",');
  await target.run(t, ['set', 'c', '--', '-5']);
  t.match(await outcomeOf(t, target, 'c'), '"return_value":-5,');
});

t.test('set refuses what is no JSON value, and stores nothing', async (t) => {
  for (const wrong of ['nope', '', '1 2', '1,"is_err":true', '1}', '{"a":1', 'NaN', '\ufeff1']) {
    const result = await target.run(t, ['set', 'a', wrong]);
    t.equal(result.code, 2, wrong);
    t.match(result.errors, /is not JSON/, wrong);
  }
  t.equal(
    (await target.run(t, ['set', 'a', '-'], { stdin: Buffer.from([0x22, 0xff, 0x22]) })).code,
    2,
  );
  t.equal((await target.run(t, ['set', 'a', '1', '--labels', '[1]'])).code, 2);
  t.equal(
    (await target.run(t, ['set', 'a', '-', '--text'], { stdin: Buffer.from([0xff]) })).code,
    2,
  );
  t.equal((await target.run(t, ['set', 'a', '1', '--content-type', 'json'])).code, 2);
  t.equal((await target.run(t, ['set', 'a', '1', '--content-type', 'a/b', '--text'])).code, 2);
  const labelled = ['set', 'a', '1', '--content-type', 'a/b', '--labels', '{}'];
  t.equal((await target.run(t, labelled)).code, 2, 'bytes have no labels');
  const message = Buffer.from([0xff]);
  t.equal((await target.run(t, ['fail', 'a', '-'], { stdin: message })).code, 2);
  const large = await target.run(t, ['set', 'a', '-', '--text'], { stdin: 'x'.repeat(9_000_000) });
  t.equal(large.code, 2, 'more than the service takes');
  t.equal((await target.run(t, ['get', 'a'])).code, 3, 'nothing is there');
});

t.test('the first outcome wins, and a repeat of it is none; with --replace the last', async (t) => {
  t.equal((await target.run(t, ['set', 'a', '1'])).code, 0);
  t.equal((await target.run(t, ['set', 'a', '1'])).code, 0, 'the same outcome again');
  const late = await target.run(t, ['set', 'a', '2']);
  t.same([late.code, late.text], [5, '']);
  t.match(late.errors, /"a" has another outcome already \(SUCCESS\).*add --replace/);
  t.equal((await target.run(t, ['fail', 'a', 'x'])).code, 5);
  t.equal((await target.run(t, ['get', 'a'])).text, '1\n');
  t.equal((await target.run(t, ['set', 'a', '2', '--replace'])).code, 0);
  t.equal((await target.run(t, ['get', 'a'])).text, '2\n');
  t.equal((await target.run(t, ['fail', 'a', 'x', '--replace'])).code, 0);
  t.equal((await target.run(t, ['get', 'a'])).code, 1);
  t.equal((await target.run(t, ['set', 'a', '1', '--create'])).code, 2, 'there is no such flag');
});

t.test('--json prints the status of the task', async (t) => {
  const result = await target.run(t, ['set', 'a', '1', '--json', '--ttl', 'never']);
  t.match(JSON.parse(result.text), { task_id: 'a', state: 'SUCCESS', expires_at: null });
  const failed = await target.run(t, ['fail', 'b', '--json', '--ttl', '1h']);
  const { state, expires_at: expiresAt, updated_at: updatedAt } = JSON.parse(failed.text);
  t.equal(state, 'FAILURE');
  t.equal(Date.parse(expiresAt) - Date.parse(updatedAt), 3_600_000);
});

t.test('fail stores an exception with a type, and a message if there is one', async (t) => {
  t.equal((await target.run(t, ['fail', 'a'])).code, 0);
  t.match(await outcomeOf(t, target, 'a'), '"error":{"exc_type":"Error","exc_message":[],');
  await target.run(
    t,
    ['fail', 'b', '-', '--type', 'Lost', '--labels', '{"k":1}', '--execution-time', '1.50'],
    {
      stdin: 'a\n"quoted"\n',
    },
  );
  const text = await outcomeOf(t, target, 'b');
  t.match(
    text,
    '"execution_time":1.50,"labels":{"k":1},"error":{"exc_type":"Lost","exc_message":["a\\n\\"quoted\\"\\n"],',
  );
});

t.test('each namespace of a store has tasks of its own', async (t) => {
  const store = new Target(`lmdb:${t.testdir()}`);
  const other = ['--namespace', 'other'];
  t.equal((await store.run(t, ['set', 'a', '1', ...other])).code, 0);
  t.equal((await store.run(t, ['get', 'a'])).code, 3);
  t.equal((await store.run(t, ['get', 'a', ...other])).text, '1\n');
});
