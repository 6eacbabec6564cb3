/** The event hub at its own level, over a real backend whose reads and hints are disturbed. */

import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { EventFilter } from '../src/events/event-filter.js';
import { EventHub, type EventHubOptions, type EventRequest } from '../src/events/event-hub.js';
import { isError, success } from './conformance/expect.js';
import { DisturbedBackend } from './support/disturbed-backend.js';
import { EventSink } from './support/event-sink.js';
import { seqOf } from './support/event-text.js';
import { until } from './support/until.js';

async function start(t: Test, options: EventHubOptions = {}) {
  const backend = new DisturbedBackend();
  const hub = new EventHub(backend, options);
  await backend.startup();
  await hub.start();
  t.teardown(async () => {
    await hub.drain(0);
    await hub.stop();
    await backend.shutdown();
  });
  const open = (request: Partial<EventRequest> = {}): EventSink => {
    const sink = new EventSink();
    hub.open(sink, { filter: new EventFilter(), ...request });
    t.teardown(() => {
      sink.release();
      sink.destroy();
    });
    return sink;
  };
  const follow = (taskId: string, request: Partial<EventRequest> = {}): EventSink =>
    open({ filter: new EventFilter([taskId]), startsWith: taskId, ...request });
  return { backend, hub, open, follow };
}

/** Waits until a stream has said exactly this. */
async function hears(t: Test, sink: EventSink, wanted: string[], message: string): Promise<void> {
  await until(message, () => sink.told.length >= wanted.length);
  t.same(sink.told, wanted, message);
}

t.test('changes come in order, under ids that count up, with the status view', async (t) => {
  const { backend, open } = await start(t);
  const sink = open();
  await backend.setProgress('a', { state: 'STARTED' });
  await hears(t, sink, ['a STARTED'], 'the first');
  await backend.setResult('b', success(1));
  await backend.setResult('a', success(2));
  await hears(t, sink, ['a STARTED', 'b SUCCESS', 'a SUCCESS'], 'all');
  const view = (await backend.getStatus('a'))!.toStatusView();
  t.equal(sink.events[2]!.data, view, 'the data is the status view');
  t.same(
    sink.events.map(({ id }) => seqOf(id)),
    [1, 2, 3],
  );
  t.match(sink.text, /^retry: [12]\d\d\d\n\nid: [0-9a-f]{16}-0\n\n/, 'how it begins');
});

t.test('what changes between two flushes is told once, as it is then', async (t) => {
  const { backend, open } = await start(t);
  const sink = open();
  for (let done = 0; done < 20; done += 1) {
    await backend.setProgress('a', { state: 'STARTED', meta: { done } });
  }
  await backend.setResult('a', success(1));
  await hears(t, sink, ['a SUCCESS'], 'the latest');
  t.equal(backend.batches, 1, 'with one read');
});

t.test('there are at most 20 flushes in a second', async (t) => {
  const { backend, open } = await start(t);
  const sink = open();
  const startedAt = performance.now();
  for (let done = 0; sink.events.length < 10; done += 1) {
    await backend.setProgress('a', { state: 'STARTED', meta: { done } });
    await delay(1);
  }
  const flushes = sink.events.length;
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs > 300, `${flushes} flushes in ${tookMs} ms`);
  t.equal(backend.batches, flushes, 'each is one read');
});

t.test('a hint that comes twice, or for nothing, is no event', async (t) => {
  const { backend, open } = await start(t);
  const sink = open();
  await backend.setResult('a', success(1));
  await hears(t, sink, ['a SUCCESS'], 'it has changed');
  backend.hint('a');
  await until('it is read again', () => backend.batches === 2);
  await backend.delete('a');
  await hears(t, sink, ['a SUCCESS', 'a removed'], 'it has gone');
  backend.hint('a');
  await until('it is looked for again', () => backend.batches === 4);
  await backend.setResult('b', success(1));
  await hears(t, sink, ['a SUCCESS', 'a removed', 'b SUCCESS'], 'nothing was told twice');
  t.equal(sink.events[1]!.data, '{"task_id":"a"}');
});

t.test('filters let through tasks, states, and that a task has gone', async (t) => {
  const { backend, open } = await start(t);
  const one = open({ filter: new EventFilter(['a']) });
  const two = open({ filter: new EventFilter(['b', 'a']) });
  const ready = open({ filter: new EventFilter([], ['SUCCESS', 'FAILURE']) });
  const both = open({ filter: new EventFilter(['b'], ['STARTED']) });
  const all = open();
  for (const taskId of ['a', 'b', 'c']) {
    await backend.setProgress(taskId, { state: 'STARTED' });
  }
  await hears(t, all, ['a STARTED', 'b STARTED', 'c STARTED'], 'all of them');
  await backend.setResult('b', success(1));
  await backend.setException('a', { exc_type: 'ValueError' });
  await hears(t, ready, ['b SUCCESS', 'a FAILURE'], 'those that are ready');
  await backend.consume('b');
  await hears(t, ready, ['b SUCCESS', 'a FAILURE', 'b removed'], 'it has gone, in whatever state');
  t.same(one.told, ['a STARTED', 'a FAILURE']);
  t.same(two.told, ['a STARTED', 'b STARTED', 'b SUCCESS', 'a FAILURE', 'b removed']);
  t.same(both.told, ['b STARTED', 'b removed'], 'what leaves the filter is not told');
});

t.test('readers of the same filter are given the same bytes', async (t) => {
  const { backend, open } = await start(t);
  const readers = ['ab', 'ba'].map((ids) => open({ filter: new EventFilter([...ids]) }));
  const other = open();
  await backend.setResult('a', success(1));
  await until('it is told', () => other.told.length === 1);
  const [first, second] = readers.map((sink) => sink.chunks.at(-1));
  t.equal(first, second, 'one buffer');
  t.not(first, other.chunks.at(-1));
});

t.test('a reader that comes back has what it missed, and nothing twice', async (t) => {
  const { backend, open } = await start(t);
  const stays = open();
  const first = open();
  await backend.setResult('a', success(1));
  await hears(t, first, ['a SUCCESS'], 'before');
  const lastEventId = first.lastId;
  first.destroy();
  await backend.setProgress('b', { state: 'STARTED' });
  await hears(t, stays, ['a SUCCESS', 'b STARTED'], 'meanwhile');
  await backend.setResult('b', success(1));
  await backend.delete('a');
  await hears(t, stays, ['a SUCCESS', 'b STARTED', 'b SUCCESS', 'a removed'], 'meanwhile');
  const again = open({ lastEventId });
  t.same(again.told, ['b SUCCESS', 'a removed'], 'the latest of each task, at once');
  await backend.setResult('c', success(1));
  await hears(t, again, ['b SUCCESS', 'a removed', 'c SUCCESS'], 'and goes on');
  t.same(open({ lastEventId: again.lastId }).told, [], 'nothing missed, nothing told');
  const ofB = open({ lastEventId, filter: new EventFilter(['b']) });
  t.same(ofB.told, ['b SUCCESS'], 'what was missed is filtered too');
});

t.test('who cannot be told what it missed is told so, and goes on from now', async (t) => {
  const { backend, open } = await start(t, { maxLoggedEvents: 3 });
  const stays = open();
  const begin = stays.lastId;
  for (const taskId of ['a', 'b', 'c']) await backend.setResult(taskId, success(1));
  await until('three events', () => stays.told.length === 3);
  t.same(open({ lastEventId: begin }).told, ['a SUCCESS', 'b SUCCESS', 'c SUCCESS'], 'just so');
  await backend.setResult('d', success(1));
  await until('one more', () => stays.told.length === 4);
  const cases = {
    'reset gap': [begin, begin.replace(/\d+$/, '5')],
    'reset unknown-epoch': [`${'0'.repeat(16)}-4`, 'something else'],
  };
  const late: EventSink[] = [];
  for (const [told, ids] of Object.entries(cases)) {
    for (const lastEventId of ids) {
      const sink = open({ lastEventId });
      t.same(sink.told, [told], lastEventId);
      t.equal(sink.lastId, stays.lastId, 'from where it goes on');
      late.push(sink);
    }
  }
  await backend.setResult('e', success(1));
  for (const sink of late) await hears(t, sink, [sink.told[0]!, 'e SUCCESS'], 'it is live');
});

t.test('when nobody reads, nothing is read or kept after a time', async (t) => {
  const { backend, hub, open } = await start(t, { eventLingerMs: 2_000 });
  await backend.setResult('early', success(1));
  const first = open();
  const { lastId } = first;
  first.destroy();
  await until('it has gone', () => hub.readers === 0);
  await backend.setResult('a', success(1));
  await until('it is read for who comes back', () => backend.batches === 1);
  const again = open({ lastEventId: lastId });
  t.same(again.told, ['a SUCCESS']);
  again.destroy();
  await delay(2_500);
  await backend.setResult('b', success(1));
  await delay(100);
  t.equal(backend.batches, 1, 'nobody comes back: nothing is read');
  t.same(open({ lastEventId: again.lastId }).told, ['reset gap'], 'and that is not concealed');
});

t.test('the stream of one task starts with its present status', async (t) => {
  const { backend, open, follow } = await start(t);
  const all = open();
  await backend.setProgress('a', { state: 'STARTED' });
  await hears(t, all, ['a STARTED'], 'told before');
  const sink = follow('a');
  const unknown = follow('nobody');
  await hears(t, sink, ['a STARTED'], 'the present');
  t.equal(sink.lastId, all.lastId, 'as of now');
  await until('it has been looked for', () => unknown.lastId !== '');
  t.same(unknown.told, [], 'an unknown task has none');
  await backend.setResult('a', success(1));
  await backend.setResult('nobody', success(1));
  await hears(t, sink, ['a STARTED', 'a SUCCESS'], 'it goes on');
  await hears(t, unknown, ['nobody SUCCESS'], 'here too');
  await backend.delete('a');
  await hears(t, sink, ['a STARTED', 'a SUCCESS', 'a removed'], 'it stays open');
  await backend.setResult('a', success(1));
  await hears(t, sink, ['a STARTED', 'a SUCCESS', 'a removed', 'a SUCCESS'], 'a new life');
  t.same(all.told.length, 5, 'others are told of changes alone');
});

t.test('the hint of a status that was shown already is no news', async (t) => {
  const { backend, hub, follow } = await start(t);
  backend.isDeaf = true;
  await backend.setProgress('a', { state: 'STARTED' });
  const sink = follow('a');
  await hears(t, sink, ['a STARTED'], 'shown');
  backend.isDeaf = false;
  backend.hint('a');
  await until('it is read', () => backend.batches === 2);
  await backend.setResult('a', success(1));
  await hears(t, sink, ['a STARTED', 'a SUCCESS'], 'two states, two events');
  t.equal(hub.readers, 1);
});

t.test('the stream of one task goes on from an id, and starts anew after a gap', async (t) => {
  const { backend, follow } = await start(t);
  await backend.setProgress('a', { state: 'STARTED' });
  const first = follow('a');
  await hears(t, first, ['a STARTED'], 'the present');
  const again = follow('a', { lastEventId: first.lastId });
  t.same(again.told, [], 'nothing is new');
  const gap = follow('a', { lastEventId: 'other' });
  await hears(t, gap, ['reset unknown-epoch', 'a STARTED'], 'the present again');
});

t.test('a slow reader is sent the latest of each task when it reads on', async (t) => {
  const { backend, open } = await start(t);
  const fast = open();
  const slow = open();
  slow.hold();
  const told: string[] = [];
  for (const state of ['ONE', 'TWO', 'THREE']) {
    for (const taskId of state === 'TWO' ? ['a', 'b'] : ['a']) {
      await backend.setProgress(taskId, { state });
      told.push(`${taskId} ${state}`);
    }
    await hears(t, fast, told, state);
  }
  t.same(slow.told, ['a ONE'], 'one was on its way');
  t.ok(slow.writableLength < 1_000, `nothing is queued (${slow.writableLength} bytes)`);
  slow.release();
  await hears(t, slow, ['a ONE', 'b TWO', 'a THREE'], 'the latest, in order');
  await backend.setResult('a', success(1));
  await hears(t, slow, ['a ONE', 'b TWO', 'a THREE', 'a SUCCESS'], 'it is live again');
});

t.test('a reader that falls too far behind is told so and closed', async (t) => {
  const { backend, hub, open } = await start(t, { maxLoggedEvents: 4 });
  const fast = open();
  const slow = open();
  const reads = open();
  slow.hold();
  for (let index = 0; index < 6; index += 1) {
    await backend.setResult(`task-${index}`, success(1));
    await until('told', () => fast.told.length === index + 1);
    t.equal(hub.readers, index < 5 ? 3 : 2, `after ${index + 1} events`);
  }
  slow.release();
  await until('the stream ends', () => slow.writableFinished);
  t.same(slow.told, ['task-0 SUCCESS', 'reset slow']);
  t.equal(slow.lastId, fast.lastId, 'it may go on from there');
  t.same(reads.told, fast.told, 'nobody else is harmed');
});

t.test('a stream that is closed and takes nothing any more is destroyed', async (t) => {
  const { backend, hub, open } = await start(t, { maxLoggedEvents: 1 });
  const fast = open();
  const slow = open();
  slow.hold();
  for (let index = 0; index < 3; index += 1) {
    await backend.setResult(`task-${index}`, success(1));
    await until('told', () => fast.told.length === index + 1);
  }
  t.equal(hub.readers, 1);
  await until('it is destroyed', () => slow.destroyed);
});

t.test('a reader that is far behind is sent pieces, as fast as it takes them', async (t) => {
  const { backend, open } = await start(t);
  const fast = open();
  const slow = open();
  slow.hold();
  await backend.setResult('first', success(1));
  await until('told', () => fast.told.length === 1);
  for (let index = 0; index < 1_200; index += 1) {
    await backend.setProgress(`task-${index}`, { state: 'STARTED', meta: 'x'.repeat(300) });
  }
  await until('told', () => fast.told.length === 1_201);
  slow.release();
  await until('it catches up', () => slow.told.length === 1_201);
  t.same(slow.told, fast.told, 'in the same order, with nothing lost or doubled');
  const largest = Math.max(...slow.chunks.map((chunk) => chunk.length));
  t.ok(largest < 70_000, `the largest piece has ${largest} bytes`);
});

t.test('where hints were lost, all are told so, and go on', async (t) => {
  const { backend, hub, open, follow } = await start(t);
  const all = open();
  const before = all.lastId;
  const one = follow('a');
  await until('it has started', () => one.lastId !== '');
  backend.isDeaf = true;
  await backend.setProgress('a', { state: 'STARTED' });
  backend.isDeaf = false;
  backend.lose();
  await hears(t, all, ['reset lost'], 'told');
  await hears(t, one, ['reset lost', 'a STARTED'], 'the stream of one task starts anew');
  t.same(open({ lastEventId: before }).told, ['reset gap'], 'nobody resumes over it');
  t.same(open({ lastEventId: all.lastId }).told, [], 'from the reset on one can');
  await backend.setResult('a', success(1));
  await hears(t, all, ['reset lost', 'a SUCCESS'], 'goes on');
  await hears(t, one, ['reset lost', 'a STARTED', 'a SUCCESS'], 'goes on');
  t.equal(hub.readers, 4, 'nobody was closed');
});

t.test('while the store is down nothing is told; then all of it is', async (t) => {
  const { backend, hub, open, follow } = await start(t);
  const all = open();
  await backend.setResult('a', success(1));
  backend.isFailing = true;
  const one = follow('a');
  await until('it is tried again', () => backend.batches >= 2);
  t.same(all.told, []);
  t.equal(hub.readers, 2, 'nobody was closed');
  backend.isFailing = false;
  await hears(t, all, ['a SUCCESS'], 'told');
  await hears(t, one, ['a SUCCESS'], 'shown');
});

t.test('a hint of what cannot be asked for is not asked for again and again', async (t) => {
  const { backend, open } = await start(t);
  const all = open();
  backend.hint('not/an/id');
  await hears(t, all, ['reset lost'], 'what came with it may be missing');
  await backend.setResult('a', success(1));
  await hears(t, all, ['reset lost', 'a SUCCESS'], 'it goes on');
});

t.test('more changes than one read asks for are told in order', async (t) => {
  const { backend, open } = await start(t);
  const all = open();
  const ids = Array.from({ length: 1_234 }, (_, index) => `task-${index}`);
  for (const taskId of ids) backend.hint(taskId);
  const seen = new Set<number>();
  while (!all.text.includes('task-1233"')) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.add(all.chunks.length);
  }
  t.same(
    all.told,
    ids.map((taskId) => `${taskId} removed`),
  );
  t.equal(backend.batches, 3);
  t.ok(seen.size > 2, 'others have their turn in between');
});

t.test('more changes than may be missed are a loss', async (t) => {
  const { backend, open } = await start(t, { maxLoggedEvents: 10 });
  const all = open();
  for (let index = 0; index < 11; index += 1) backend.hint(`task-${index}`);
  await hears(t, all, ['reset lost'], 'told so');
});

t.test('a comment keeps a stream open, and says how far it has come', async (t) => {
  const { backend, open } = await start(t, { eventHeartbeatMs: 100 });
  const none = open({ filter: new EventFilter(['nobody']) });
  const all = open();
  await backend.setResult('a', success(1));
  await hears(t, all, ['a SUCCESS'], 'told');
  await until('it knows that it has missed nothing', () => none.lastId === all.lastId);
  t.match(none.text, /\n\n:\n\nid: [0-9a-f]{16}-1\n\n/, 'a comment');
  t.same(none.told, []);
});

t.test('line breaks in the white space of a meta arrive as line feeds', async (t) => {
  const { backend, open } = await start(t);
  const all = open();
  const meta = '{"a": 1.0,\r\n"b":\r1e400,\n"c": "\\n"}';
  await backend.setProgress('a', Buffer.from(`{"state":"X","meta":${meta}}`));
  await until('told', () => all.events.length === 1);
  const { data } = all.events[0]!;
  t.ok(data.includes(`"meta":${meta.replace(/\r\n|\r/g, '\n')}}`), data);
});

t.test('there is a limit to readers', async (t) => {
  const { hub, open } = await start(t, { maxEventReaders: 2 });
  hub.requireRoom(new EventFilter());
  const first = open();
  open();
  try {
    hub.requireRoom(new EventFilter());
    t.fail('one too many');
  } catch (error) {
    isError(t, error, 'overloaded', 'one too many');
  }
  first.destroy();
  await until('one has gone', () => hub.readers === 1);
  t.doesNotThrow(() => hub.requireRoom(new EventFilter()));
});

t.test('the filters of all readers have a limit', async (t) => {
  const { hub } = await start(t);
  const ids = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(255, '-'));
  const filter = new EventFilter(ids);
  const sinks: PassThrough[] = [];
  try {
    for (;;) {
      hub.requireRoom(filter);
      sinks.push(new PassThrough());
      hub.open(sinks.at(-1)!, { filter });
    }
  } catch (error) {
    isError(t, error, 'overloaded', `${sinks.length} readers`);
  }
  t.ok(sinks.length * filter.key.length < 4 * 1_024 * 1_024 + 1, `${sinks.length} readers`);
  for (const sink of sinks) sink.destroy();
  await until('all have gone', () => hub.readers === 0);
  t.doesNotThrow(() => hub.requireRoom(filter), 'and those that went count no more');
});

t.test('draining ends the streams one after the other, and new ones at once', async (t) => {
  const { hub, open, follow } = await start(t);
  const sinks = [open(), open(), follow('a'), open()];
  const endedAt: number[] = [];
  const ended = sinks.map(async (sink) => {
    await until('it ends', () => sink.writableFinished);
    endedAt.push(performance.now());
  });
  const startedAt = performance.now();
  await hub.drain(400);
  await Promise.all(ended);
  t.equal(hub.readers, 0);
  const spread = Math.max(...endedAt) - startedAt;
  t.ok(spread > 250, `the last after ${spread} ms`);
  const late = open();
  await until('it ends at once', () => late.writableFinished);
  t.match(late.text, /^retry: \d{4}\n\n$/, 'and says when to come back');
  t.equal(hub.readers, 0);
});
