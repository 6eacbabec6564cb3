/** Bodies that are valid and made to be expensive: each is taken, or refused, in one linear pass. */
import t from 'tap';
import { outcomeFromException, outcomeFromJson } from '../src/outcome.js';
import { errorOf, isError } from './conformance/expect.js';

const MIB = 1_024 * 1_024;

t.test('an exception of very many causes and keys is completed, at each of them', async (t) => {
  const cause = '"exc_cause":{"exc_type":""},';
  const count = Math.floor((2 * MIB) / cause.length);
  const keys = '"exc_x":1,'.repeat((2 * MIB) / 10);
  const body = `{"exc_type":"E","exc_context":{"exc_type":"F",${cause.repeat(count)}"x":1},${keys}"y":1}`;
  const { body: stored } = outcomeFromException(Buffer.from(body));
  const completed = ',"exc_message":[],"exc_module":null';
  const envelope =
    '{"is_err":true,"log":null,"return_value":null,"execution_time":0,"labels":{},"error":}';
  t.equal(stored.length - body.length - completed.length * (count + 2), envelope.length);
  t.equal(stored.toString().split(completed).length - 1, count + 2);
});

t.test('a body of nothing but keys is kept, or refused with a short list of them', async (t) => {
  const keys = ',"abcdef":1'.repeat(100_000);
  const kept = outcomeFromJson(Buffer.from(`{"return_value":1${keys}}`));
  t.ok(kept.body.toString().endsWith(`"error":null${keys}}`));
  const refused = async () => outcomeFromJson(Buffer.from(`{"z":1${keys}}`));
  const error = await errorOf(refused());
  isError(t, error, 'invalid-body', 'no verdict');
  t.ok(String(error).length < 1_000);
});
