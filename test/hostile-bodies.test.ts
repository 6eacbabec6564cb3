/** Bodies that are valid and made to be expensive: each is taken, or refused, in one linear pass. */
import t from 'tap';
import { MAX_MEMBERS } from '../src/json/scanner.js';
import { outcomeFromException, outcomeFromJson } from '../src/record/outcome.js';
import { errorOf, isError } from './conformance/expect.js';

const MIB = 1_024 * 1_024;

t.test('an exception of very many causes and keys is completed, at each of them', async (t) => {
  const cause = '"exc_cause":{"exc_type":""},';
  const count = Math.floor((2 * MIB) / cause.length);
  const keys = '"exc_x":1,'.repeat(900);
  const body = `{"exc_type":"E","exc_context":{"exc_type":"F",${cause.repeat(count)}"x":1},${keys}"y":1}`;
  const { body: stored } = outcomeFromException(Buffer.from(body));
  const completed = ',"exc_message":[],"exc_module":null';
  const envelope =
    '{"is_err":true,"log":null,"return_value":null,"execution_time":0,"labels":{},"error":}';
  t.equal(stored.length - body.length - completed.length * (count + 2), envelope.length);
  t.equal(stored.toString().split(completed).length - 1, count + 2);
});

t.test('as many keys as anyone needs are kept at the top level; more are refused', async (t) => {
  const some = ',"abcdef":1'.repeat(MAX_MEMBERS - 1);
  const kept = outcomeFromJson(Buffer.from(`{"return_value":1${some}}`));
  t.ok(kept.body.toString().endsWith(`"error":null${some}}`));
  const many = ',"abcdef":1'.repeat(MAX_MEMBERS);
  for (const first of ['"return_value":1', '"exc_type":"E"']) {
    const document = Buffer.from(`{${first}${many}}`);
    const read = first.includes('exc') ? outcomeFromException : outcomeFromJson;
    isError(t, await errorOf((async () => read(document))()), 'invalid-body', 'many keys');
  }
  const inside = outcomeFromJson(Buffer.from(`{"return_value":{"a":0${many}}}`));
  t.ok(inside.size > many.length, 'inside a value there may be any number');
});

t.test('a refusal lists only some of the keys that it found', async (t) => {
  const keys = ',"abcdef":1'.repeat(MAX_MEMBERS - 1);
  const error = await errorOf((async () => outcomeFromJson(Buffer.from(`{"z":1${keys}}`)))());
  isError(t, error, 'invalid-body', 'no verdict');
  t.ok(String(error).length < 1_000);
});
