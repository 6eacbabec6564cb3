/** `batch/set` of lines as a stream: as it goes, in bounded memory, with clients of all kinds. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { Service, type ServiceOptions } from '../support/service.js';
import { ServiceProcess } from '../support/service-process.js';
import { HANG_MS, until } from '../support/until.js';
import { type ItemAnswer, NDJSON } from './suite/batches.js';

/** The memory backend, where each write of a batch is one of its own, as it is with other stores. */
class OneByOneBackend extends MemoryBackend {
  protected override async _executeMany(
    ...[namespace, commands]: Parameters<MemoryBackend['_executeMany']>
  ) {
    return Promise.all(commands.map((command) => this._execute(namespace, command)));
  }
}

/** The memory backend, counted, and holding its writes back while the gate is shut. */
class GatedBackend extends OneByOneBackend {
  writes = 0;
  gate: Promise<void> = Promise.resolve();

  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    this.writes += 1;
    await this.gate;
    return super._execute(...call);
  }
}

async function start(t: Test, options: ServiceOptions = {}) {
  const backend = new GatedBackend();
  return { backend, service: await Service.start(t, backend, options) };
}

const line = (id: string | number, value: unknown = 1): string =>
  `{"task_id":"t-${id}","mode":"replace","outcome":{"return_value":${JSON.stringify(value)}}}\n`;

/** A request whose body is still to be sent. Its connection ends with the test. */
function open(t: Test, origin: string): ClientRequest {
  const call = request(`${origin}/v1/batch/set`, { method: 'POST', headers: NDJSON, agent: false });
  call.on('error', () => {});
  t.teardown(() => call.destroy());
  return call;
}

/** Sends text, and waits until it has been taken off this process's hands; false where it is not. */
async function send(call: ClientRequest, text: string, patienceMs = HANG_MS): Promise<boolean> {
  if (call.write(text)) return true;
  const signal = AbortSignal.timeout(patienceMs);
  return once(call, 'drain', { signal }).then(
    () => true,
    () => false,
  );
}

async function response(call: ClientRequest): Promise<IncomingMessage> {
  const [message] = (await once(call, 'response', {
    signal: AbortSignal.timeout(HANG_MS),
  })) as [IncomingMessage];
  return message;
}

async function* answersOf(message: IncomingMessage): AsyncGenerator<ItemAnswer> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) {
    const parts = (text + String(chunk)).split('\n');
    text = parts.pop()!;
    for (const part of parts) yield JSON.parse(part) as ItemAnswer;
  }
}

t.test('each line is answered before the next one is sent', async (t) => {
  const { service } = await start(t);
  const call = open(t, service.origin);
  call.flushHeaders();
  const answers = answersOf(await response(call));
  for (let index = 0; index < 5; index += 1) {
    const text = line(index);
    call.write(text.slice(0, 20));
    call.write(text.slice(20));
    const { value } = (await answers.next()) as { value: ItemAnswer };
    t.equal(value.index, index);
    t.equal(value.code, 201);
  }
  call.end();
  t.equal((await answers.next()).done, true);
});

t.test('three hundred thousand lines take no more memory than a few', async (t) => {
  const service = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const peak = (): number =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))![1]);
  const value = 'x'.repeat(900);
  const upload = async (count: number): Promise<number> => {
    const call = open(t, service.origin);
    call.flushHeaders();
    const answers = answersOf(await response(call));
    const sending = (async () => {
      for (let at = 0; at < count; at += 50) {
        let text = '';
        for (let index = at; index < at + 50; index += 1) text += line(index % 100, value);
        await send(call, text);
      }
      call.end();
    })();
    let good = 0;
    for await (const { index, code } of answers) {
      if (index === good && code < 300) good += 1;
    }
    await sending;
    return good;
  };
  t.equal(await upload(10_000), 10_000);
  const before = peak();
  t.equal(await upload(300_000), 300_000);
  const grown = peak() - before;
  // The collector takes its time: what counts is that it is not what was sent.
  t.ok(grown < 128 * 1_024, `${grown} KiB more, of 300 MB that were sent`);
});

t.test('who sends and never reads is held up, and then told so', async (t) => {
  const { backend, service } = await start(t, { stallMs: 2_500 });
  const call = open(t, service.origin);
  call.flushHeaders();
  const message = await response(call);
  // A short line with a long answer, so that what the kernel holds is soon full.
  const text = Array.from({ length: 50 }, (_, index) => `${line(index)}${'{}\n'.repeat(9)}`).join(
    '',
  );
  let sent = 0;
  let isHeldUp = false;
  const sending = (async () => {
    while (!isHeldUp && (await send(call, text))) sent += 500;
  })();
  let taken = -1;
  while (taken !== backend.writes) {
    taken = backend.writes;
    await delay(1_000);
  }
  isHeldUp = true;
  t.ok(taken * 10 < sent + 500, `${taken * 10} of ${sent} lines were taken in`);
  await sending;
  t.pass('the rest is read and thrown away, so that the client gets to its answers');
  call.end();
  let count = 0;
  let good = 0;
  let last: ItemAnswer | undefined;
  for await (const answer of answersOf(message)) {
    if (answer.index === count) count += 1;
    if (answer.code < 300) good += 1;
    last = answer;
  }
  t.same(Object.keys(last!), ['problem']);
  t.match(last?.problem?.type, 'urn:resultd:problem:invalid-request');
  t.match(last?.problem?.detail, `after ${count} items`);
  t.equal(good, backend.writes, 'every line that was carried out is answered');
});

t.test('who sends ten thousand lines and then reads gets all answers', async (t) => {
  const { service } = await start(t, { stallMs: 400 });
  const call = open(t, service.origin);
  call.end(Array.from({ length: 10_000 }, (_, index) => line(index)).join(''));
  const message = await response(call);
  let count = 0;
  for await (const { index, code } of answersOf(message)) {
    if (index === count && code === 201) count += 1;
  }
  t.equal(count, 10_000);
});

t.test('a client that goes away ends the work', async (t) => {
  const { backend, service } = await start(t);
  const call = open(t, service.origin);
  await send(call, Array.from({ length: 2_000 }, (_, index) => line(index)).join(''));
  await send(call, line('half').slice(0, -10));
  await until('all whole lines are carried out', () => backend.writes === 2_000);
  call.destroy();
  const connections = (): Promise<number> =>
    new Promise((resolve) => service.app.http.server.getConnections((_, count) => resolve(count)));
  await until('the connection is gone', async () => (await connections()) === 0);
  t.equal(backend.writes, 2_000, 'half a line is not');
});

t.test('a bounded number of lines runs at once, and of their bytes', async (t) => {
  const { backend, service } = await start(t);
  let openGate = (): void => {};
  backend.gate = new Promise((resolve) => {
    openGate = resolve;
  });
  const small = open(t, service.origin);
  const ofSmall = response(small);
  small.end(Array.from({ length: 5_000 }, (_, index) => line(index)).join(''));
  await until('the writes begin', () => backend.writes >= 1_000);
  t.equal((await service.call('GET', '/livez')).status, 200);
  t.equal(backend.writes, 1_000);
  const large = open(t, service.origin);
  const ofLarge = response(large);
  large.end(Array.from({ length: 12 }, (_, n) => line(`x${n}`, 'x'.repeat(7_000_000))).join(''));
  await until('the large ones begin', () => backend.writes >= 1_004);
  t.equal((await service.call('GET', '/livez')).status, 200);
  t.equal(backend.writes, 1_004, 'four of 7 MB');
  openGate();
  for (const [message, count] of [
    [await ofSmall, 5_000],
    [await ofLarge, 12],
  ] as const) {
    let good = 0;
    for await (const { code } of answersOf(message)) good += code === 201 ? 1 : 0;
    t.equal(good, count);
  }
});

t.test('the time for whole requests does not end a stream that goes on', async (t) => {
  const { service } = await start(t, { requestTimeoutMs: 300 });
  const call = open(t, service.origin);
  call.flushHeaders();
  const answers = answersOf(await response(call));
  const started = Date.now();
  let index = 0;
  for (; Date.now() - started < 1_500; index += 1) {
    call.write(line(index));
    const { value } = (await answers.next()) as { value: ItemAnswer };
    t.equal(value.code, 201);
    await delay(50);
  }
  const last = (await answers.next()) as { value: ItemAnswer };
  t.match(last.value.problem?.detail, /nothing has come for 0.3 s/, 'one that does not is ended');
  t.equal((await answers.next()).done, true);

  const slow = request(`${service.origin}/v1/tasks/a/result`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 100 },
    agent: false,
  });
  t.teardown(() => slow.destroy());
  slow.on('error', () => {});
  slow.write('{');
  t.equal((await response(slow)).statusCode, 408, 'and so is any other request');
});

t.test('an upload that announces its length is let in with Expect', async (t) => {
  const { service } = await start(t, { bodyLimit: 1_000 });
  const text = Array.from({ length: 100 }, (_, index) => line(index)).join('');
  const call = request(`${service.origin}/v1/batch/set`, {
    method: 'POST',
    headers: { ...NDJSON, expect: '100-continue', 'content-length': Buffer.byteLength(text) },
    agent: false,
  });
  t.teardown(() => call.destroy());
  call.flushHeaders();
  const message = response(call);
  await once(call, 'continue', { signal: AbortSignal.timeout(HANG_MS) });
  call.end(text);
  let count = 0;
  for await (const { code } of answersOf(await message)) count += code === 201 ? 1 : 0;
  t.equal(count, 100);
});

/** Takes each write up the later, the earlier it came. */
class TardyBackend extends OneByOneBackend {
  #turns = 200;

  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    this.#turns -= 1;
    for (let turns = this.#turns; turns > 0; turns -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return super._execute(...call);
  }
}

t.test('lines of one task run in order in a store that keeps none', async (t) => {
  const service = await Service.start(t, new TardyBackend());
  const call = open(t, service.origin);
  call.end(Array.from({ length: 100 }, (_, index) => line(index % 10, index)).join(''));
  const codes: number[] = [];
  for await (const { code } of answersOf(await response(call))) codes.push(code);
  t.same(
    codes,
    codes.map((_, index) => (index < 10 ? 201 : 200)),
  );
  t.equal(codes.length, 100);
  for (let task = 0; task < 10; task += 1) {
    const { text } = await service.call('GET', `/v1/tasks/t-${task}/result`);
    t.match(text, `"return_value":${90 + task},`);
  }
});
