/** Bodies that are valid or not, and made to be expensive: none ends, fills or holds up the service. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { request } from 'undici';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { resultdError } from '../src/errors.js';
import { setArray } from '../src/http/batch/array-set.js';
import { ItemWriter } from '../src/http/batch/item-writer.js';
import { MAX_MEMBERS } from '../src/json/scanner.js';
import { MAX_OTHERS } from '../src/record/envelope.js';
import { MAX_EXCEPTION_KEYS } from '../src/record/exception.js';
import { errorBytes, outcomeFromException, outcomeFromJson } from '../src/record/outcome.js';
import { type Body, describe, FRAMES, render, unitsFor } from './attack/grammar.js';
import { errorOf, isError } from './conformance/expect.js';
import { Random, testSeed } from './conformance/random.js';
import { ServiceProcess } from './support/service-process.js';
import { HANG_MS } from './support/until.js';

const MIB = 1_024 * 1_024;
/** What only a hang, or a cost that grows with the square of a body, takes on any machine. */
const LONGEST_PAUSE_MS = 30_000;

/** What ended a process before, and is refused. */
const KNOWN: readonly Body[] = [
  ['/v1/batch/set', '{"items":[', '0'],
  ['/v1/batch/get', '{"task_ids":[', '"a"'],
  ['/v1/batch/wait', '{"wait":"0s","mode":"all","task_ids":[', '"a"'],
  ['/v1/tasks/attack/result', '{"error":{"exc_type":"E",', '"exc_message":""'],
  ['/v1/tasks/attack/result', '{"return_value":1,', '"":0'],
  ['/v1/tasks/attack/exception', '{"exc_type":"E",', '"exc_cause":{"exc_type":""}'],
].map(([path, before, unit]) => {
  const frame = FRAMES.find((one) => one.path === path && one.before.startsWith(before!));
  if (frame === undefined) throw new Error(`no frame for ${path} begins with ${before}`);
  return { frame, units: [unit!] };
});

/** Asks one connection after the other, and says how long the slowest answer took. */
class Probe {
  readonly #end = new AbortController();
  readonly #running: Promise<number>;

  constructor(origin: string) {
    this.#running = this.#run(`${origin}/livez`);
  }

  /** In milliseconds. */
  longest(): Promise<number> {
    this.#end.abort();
    return this.#running;
  }

  async #run(url: string): Promise<number> {
    let longest = 0;
    while (!this.#end.signal.aborted) {
      const start = performance.now();
      const { body } = await request(url, { headersTimeout: HANG_MS });
      await body.dump();
      longest = Math.max(longest, performance.now() - start);
      await pause(20);
    }
    return longest;
  }
}

t.test('no body ends or holds up a process of 128 MiB, by whatever route it comes', async (t) => {
  const service = await ServiceProcess.start(t, {
    flags: ['--backend', 'memory:'],
    env: { NODE_OPTIONS: '--max-old-space-size=128' },
  });
  const probe = new Probe(service.origin);
  const random = new Random(testSeed());
  t.comment(`RESULTD_TEST_SEED=${random.seed}`);
  const bodies = FRAMES.map((frame) => ({ frame, units: [random.pick(unitsFor(frame.kind))] }));
  for (const body of [...KNOWN, ...bodies]) {
    const { method, path, contentType, kind } = body.frame;
    const { statusCode, body: answer } = await request(`${service.origin}${path}`, {
      method,
      headers: { 'content-type': contentType },
      // Of lines, which may be any number, a few.
      body: render(body, kind === 'lines' ? MIB / 4 : 8 * MIB),
      headersTimeout: HANG_MS,
      bodyTimeout: HANG_MS,
    });
    await answer.dump();
    if (statusCode >= 500 || statusCode === 408) t.fail(`${statusCode} to ${describe(body)}`);
    if (KNOWN.includes(body)) t.equal(statusCode, 400, describe(body));
  }
  t.ok((await probe.longest()) < LONGEST_PAUSE_MS, 'the longest pause of the event loop');
  t.same(await service.stop(), { code: 0, signal: null });
  t.notMatch(service.output, /"level":50/, 'nothing was a defect');
});

t.test('an exception of many causes and keys is completed, at each of them', async (t) => {
  const keys = '"exc_x":1,'.repeat(900);
  const count = 2_000;
  const cause = '"exc_cause":{"exc_type":""},'.repeat(count);
  const body = `{"exc_type":"E","exc_context":{"exc_type":"F",${cause}"x":1},${keys}"y":1}`;
  const { body: stored } = outcomeFromException(Buffer.from(body));
  const completed = ',"exc_message":[],"exc_module":null';
  const envelope =
    '{"is_err":true,"log":null,"return_value":null,"execution_time":0,"labels":{},"error":}';
  t.equal(stored.length - body.length - completed.length * (count + 2), envelope.length);
  t.equal(stored.toString().split(completed).length - 1, count + 2);
  outcomeFromJson(stored);
  t.pass('and what came of it is taken as it is');
});

t.test(
  'the keys of an exception are counted at all levels, those that are added too',
  async (t) => {
    const cause = '"exc_cause":{"exc_type":""}';
    for (const read of [
      (members: string) => outcomeFromException(Buffer.from(`{"exc_type":"E",${members}}`)),
      (members: string) => outcomeFromJson(Buffer.from(`{"error":{"exc_type":"E",${members}}}`)),
    ]) {
      const inside = (member: string, count: number): string =>
        `"exc_context":{"exc_type":"F","exc_message":"m"${`,${member}`.repeat(count)}}`;
      // Four of each cause, two of each level around them, and one more that is added to each.
      const most = Math.floor((MAX_EXCEPTION_KEYS - 7) / 4);
      t.ok(read(inside(cause, most)).size > 0);
      for (const [member, count] of [
        [cause, most + 1],
        ['"exc_message":""', MAX_EXCEPTION_KEYS],
        ['"x":1', MAX_EXCEPTION_KEYS],
      ] as const) {
        const refused = await errorOf((async () => read(inside(member, count)))());
        isError(t, refused, 'invalid-body', `${count} of ${member}`);
      }
    }
  },
);

t.test('as many keys as anyone needs are kept at the top level; more are refused', async (t) => {
  const some = ',"abcdef":1'.repeat(MAX_OTHERS);
  const kept = outcomeFromJson(Buffer.from(`{"return_value":1${some}}`));
  t.ok(kept.body.toString().endsWith(`"error":null${some}}`));
  t.same(outcomeFromJson(kept.body).body, kept.body, 'and may be sent on');
  const failed = outcomeFromJson(Buffer.from(`{"error":{"exc_type":"E"}${some}}`));
  t.match(errorBytes(failed, failed.body).toString(), /^\{"exc_type":"E"/);
  const many = ',"abcdef":1'.repeat(MAX_MEMBERS);
  for (const document of [
    `{"return_value":1,"x":1${some}}`,
    `{"return_value":1${many}}`,
    `{"exc_type":"E"${many}}`,
  ]) {
    const read = document.includes('exc') ? outcomeFromException : outcomeFromJson;
    const refused = await errorOf((async () => read(Buffer.from(document)))());
    isError(t, refused, 'invalid-body', 'many keys');
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

t.test('a batch that is read for long gives others their turns meanwhile', async (t) => {
  const backend = new MemoryBackend();
  await backend.startup();
  t.teardown(() => backend.shutdown());
  const value = '0,'.repeat(20_000);
  const items = Array.from(
    { length: 900 },
    (_, at) => `{"task_id":"t-${at}","outcome":{"return_value":[${value}0]}}`,
  );
  const document = Buffer.from(`{"items":[${items.join(',')}]}`);
  // How many items were begun in each turn of the event loop.
  const begun = [0];
  let isDone = false;
  const count = (): void => {
    begun.push(0);
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const writer = new ItemWriter(backend, (thrown) => resultdError(thrown));
  const write = writer.write.bind(writer);
  writer.write = (...item) => {
    begun[begun.length - 1]! += 1;
    write(...item);
  };
  const json = await setArray(document, writer, () => false);
  isDone = true;
  t.equal(json.split('"code":201').length - 1, 900);
  t.ok(Math.max(...begun) < 450, `at most ${Math.max(...begun)} of 900 items in a turn`);
});
