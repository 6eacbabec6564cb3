/** No outcome is lost to what cannot be stored: an error that says so takes its place. */
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Broker } from '../src/broker.js';
import { Task } from '../src/task.js';
import { taskContext } from '../src/worker/task-context.js';
import type { WorkerError } from '../src/worker/worker-error.js';
import { Worker } from '../src/worker.js';

interface Open {
  readonly broker: Broker;
  readonly errors: WorkerError[];
  /** Runs a function as a task, and gives what is stored of it. */
  run(
    what: () => unknown,
    labels?: Record<string, unknown>,
  ): Promise<Awaited<ReturnType<Task['getResult']>>>;
}

async function open(
  options: { maxRecordBytes?: number; maxProgressBytes?: number } = {},
): Promise<Open> {
  const broker = await Broker.fromUrl('memory:', options);
  t.teardown(() => broker.shutdown());
  const errors: WorkerError[] = [];
  let count = 0;
  return {
    broker,
    errors,
    async run(what, labels = {}) {
      count += 1;
      const worker = new Worker(broker, { onError: (error) => errors.push(error) });
      worker.register('task', what);
      let acks = 0;
      const ack = () => {
        acks += 1;
      };
      const message = { task_id: `task-${count}`, task_name: 'task', args: [], kwargs: {}, labels };
      await worker.execute(message, { ack });
      if (acks !== 1) throw new Error(`it was acknowledged ${acks} times`);
      return new Task(broker, message.task_id).getResult({ withLogs: true });
    },
  };
}

class BadJson {
  toJSON(): never {
    throw new RangeError('cannot');
  }
}

const circular: { self?: unknown } = {};
circular.self = [circular];

const deep = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
};

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['a BigInt', { rows: [1n] }, /return_value › rows › 0 is a bigint: JSON cannot hold it/],
  ['a circle', circular, /cannot be written as JSON: TypeError: Converting circular/],
  ['a function', { a: { run: () => 1 } }, /return_value › a › run is a function/],
  ['a symbol', [Symbol('a')], /return_value › 0 is a symbol/],
  ['not a number', { mean: Number.NaN }, /return_value › mean is NaN/],
  ['infinity', Number.NEGATIVE_INFINITY, /return_value is -Infinity/],
  ['a map', { a: new Map([[1, 2]]) }, /return_value › a is of type Map/],
  ['a set', new Set([1]), /return_value is of type Set/],
  ['an error', { error: new Error('lost') }, /return_value › error is of type Error/],
  ['a map of another realm', runInNewContext('new Map([[1, 2]])'), /is of type Map/],
  ['bytes', { image: new Uint8Array([1, 2]) }, /return_value › image is of type Uint8Array/],
  ['a view of bytes', new DataView(new ArrayBuffer(1)), /is of type DataView/],
  ['an iterator', [new Map([[1, 2]]).values()], /return_value › 0 is of type Map Iterator/],
  ['form data', new URLSearchParams('a=b').entries(), /is of type URLSearchParams Iterator/],
  ['headers', { headers: new Headers({ a: 'b' }) }, /› headers is of type Headers/],
  ['a date that is none', { at: [new Date('soon')] }, /› at › 0 is an invalid date/],
  ['a toJSON that throws', { a: new BadJson() }, /cannot be written as JSON: RangeError: cannot/],
  ['too many levels', deep(1_001), /nested deeper than/],
  ['so many levels that they cannot be walked', deep(100_000), /RangeError|nested deeper/],
];

for (const [what, value, reason] of REFUSED) {
  t.test(`what holds ${what} is a failure that says so`, async (t) => {
    const { errors, run } = await open();
    const result = await run(() => value, { queue: 'q' });
    t.equal(result.isErr, true);
    t.equal(result.error?.type, 'OutcomeNotStored');
    const [text, code] = result.error!.messages as [string, string];
    t.match(
      text,
      /^task "task-1" \(task\) has ended, but what the function returned could not be stored/,
    );
    t.match(text, reason);
    t.equal(code, 'invalid-body');
    t.match(errors, [{ stage: 'encode', taskId: 'task-1', taskName: 'task', message: reason }]);
  });
}

t.test('what JSON can hold comes back as it was', async (t) => {
  const { errors, run } = await open();
  const shared = { a: 1 };
  const values: unknown[] = [
    'a lone surrogate \ud800 and its \udc00 half',
    { '\ud800': ['__proto__', '\u0000', '\u2028'] },
    JSON.parse('{"__proto__": 1, "constructor": {"prototype": null}}'),
    [0, 1.5, 1e308, -1e-308],
    deep(900),
    { twice: [shared, { deeper: shared }, shared] },
    null,
    '',
  ];
  for (const value of values) {
    t.equal(JSON.stringify((await run(() => value)).returnValue), JSON.stringify(value));
  }
  t.equal((await run(() => undefined)).returnValue, null);
  t.same((await run(() => ({ gone: undefined, in: [undefined] }))).returnValue, { in: [null] });
  t.equal((await run(() => new Date(0))).returnValue, '1970-01-01T00:00:00.000Z');
  t.equal((await run(() => new URL('http://a/b'))).returnValue, 'http://a/b');
  t.same((await run(() => Object.create(null))).returnValue, {});
  t.same((await run(() => runInNewContext('({ a: [] })'))).returnValue, { a: [] });
  t.same(errors, []);
});

t.test('an outcome that is too large is a failure that says so', async (t) => {
  const { errors, run } = await open({ maxRecordBytes: 20_000 });
  const large = await run(() => 'x'.repeat(20_000), { label: 'y'.repeat(20_000) });
  t.match(large.error, {
    type: 'OutcomeNotStored',
    messages: [/what the function returned .* the limit is 20000/, 'too-large'],
    cause: undefined,
  });
  const failed = await run(() => {
    throw new TypeError(`${'z'.repeat(30_000)}`);
  });
  t.match(failed.error, {
    type: 'OutcomeNotStored',
    messages: [/the exception .* the limit is 20000/, 'too-large'],
    cause: { type: 'TypeError', messages: [/^z{1000}$/] },
  });
  t.same(
    errors.map(({ stage }) => stage),
    ['encode', 'encode'],
  );
});

t.test('progress that is too large is a warning, and harms nothing that follows', async (t) => {
  const { broker, errors, run } = await open({ maxProgressBytes: 1_000 });
  const seen: unknown[] = [];
  const result = await run(async () => {
    const { setProgress, taskId } = taskContext();
    await setProgress('STARTED', 'x'.repeat(2_000));
    await setProgress('RETRY');
    seen.push((await broker.resultBackend.getStatus(taskId))?.state);
    return 1;
  });
  t.equal(result.returnValue, 1);
  t.same(seen, ['RETRY'], 'the large meta is not sent again');
  t.same(
    errors.map(({ stage }) => stage),
    ['progress'],
  );
  t.match(errors[0]?.cause, {
    code: 'too-large',
    message: /limit is 1000.*RESULTD_PROGRESS_LIMIT/,
  });
});

t.test('whatever is thrown is stored', async (t) => {
  const { errors, run } = await open();
  const thrown = async (value: unknown) =>
    (
      await run(() => {
        throw value;
      })
    ).error;
  t.match(await thrown('only a text'), { type: 'ThrownValue', messages: ['only a text'] });
  t.match(await thrown(undefined), { type: 'ThrownValue', messages: [null] });
  t.match(await thrown({ code: 7 }), { type: 'ThrownValue', messages: [{ code: 7 }] });
  t.match(await thrown(7n), { type: 'ThrownValue', messages: ['7'] });
  t.match(await thrown(Object.create(null)), { type: 'ThrownValue', messages: [{}] });
  t.match(await thrown({ rows: 7n }), { type: 'ThrownValue', messages: ['{ rows: 7n }'] });
  t.match(await thrown(circular), { type: 'ThrownValue', messages: [/Circular/] });
  t.match(await thrown(new BadJson()), { type: 'ThrownValue', messages: ['BadJson {}'] });
  const hostile = new Error('x');
  for (const name of ['stack', 'name', 'message', 'cause', 'constructor']) {
    Object.defineProperty(hostile, name, {
      get() {
        throw new Error('no');
      },
    });
  }
  t.match(await thrown(hostile), { type: 'Error', messages: [''], traceback: undefined });
  t.match(await thrown(Object.assign(new Error('x'), { name: 7, message: 8n })), {
    type: 'Error',
    messages: ['8'],
  });
  const several = new AggregateError([new TypeError('one'), 'two'], 'both');
  t.match(await thrown(several), {
    type: 'AggregateError',
    messages: ['both', 'TypeError: one', 'two'],
  });
  for (const errors of [undefined, 'text', { length: -1 }, new Proxy([], { get: () => 7 })]) {
    const odd = Object.assign(new AggregateError([], 'odd'), { errors });
    t.match(await thrown(odd), { type: 'AggregateError', messages: ['odd'] });
  }
  const elsewhere = runInNewContext('new TypeError("of another realm", { cause: new Error("x") })');
  t.match(await thrown(elsewhere), {
    type: 'TypeError',
    messages: ['of another realm'],
    traceback: /TypeError: of another realm/,
    cause: { type: 'Error' },
  });
  const fence = new Proxy(
    {},
    Object.fromEntries(
      ['get', 'getPrototypeOf', 'ownKeys', 'has'].map((trap) => [
        trap,
        () => {
          throw new Error('no');
        },
      ]),
    ),
  );
  t.match(await thrown(fence), { type: 'ThrownValue', messages: [/./] });
  const long = await thrown(new Error('m'.repeat(1_000_000)));
  t.ok((long!.messages[0] as string).length < 70_000, 'a long message is cut');
  t.same(errors, []);
});

t.test('causes are kept to a depth, and not in a circle', async (t) => {
  const { run } = await open();
  const depthOf = (error: { cause?: unknown } | undefined): number =>
    error === undefined ? 0 : 1 + depthOf(error.cause as { cause?: unknown } | undefined);
  let chain = new Error('0');
  for (let n = 1; n <= 50; n += 1) chain = new Error(String(n), { cause: chain });
  const { error } = await run(() => {
    throw chain;
  });
  t.equal(depthOf(error), 17);
  t.same(error?.messages, ['50']);
  const ring = new Error('ring');
  ring.cause = new Error('other', { cause: ring });
  t.equal(
    depthOf(
      (
        await run(() => {
          throw ring;
        })
      ).error,
    ),
    2,
  );
  const odd = await run(() => {
    throw new Error('odd', { cause: 'a text' });
  });
  t.match(odd.error?.cause, { type: 'ThrownValue', messages: ['a text'] });
});
