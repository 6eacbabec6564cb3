/** The wait hub at its own level, over a real backend whose reads and hints are disturbed. */

import t, { type Test } from 'tap';
import { HEAD_ONLY, WITH_BODY, WITH_LOG } from '../src/record/entry.js';
import type { Wait, WaitRequest } from '../src/result-backend/task-waits.js';
import { WaitHub, type WaitHubOptions } from '../src/wait-hub.js';
import { errorOf, isError, opaque, success } from './conformance/expect.js';
import { DisturbedBackend } from './support/disturbed-backend.js';
import { until } from './support/until.js';

async function open(t: Test, options: WaitHubOptions = {}) {
  const backend = new DisturbedBackend();
  const hub = new WaitHub(backend, options);
  await backend.startup();
  await hub.start();
  t.teardown(async () => {
    backend.isFailing = false;
    backend.release();
    await hub.drain(0);
    await hub.stop();
    await backend.shutdown();
  });
  const wait = (taskId: string, request: Partial<WaitRequest> = {}): Wait =>
    hub.wait({ taskId, parts: WITH_BODY, timeoutMs: 30_000, caller: 'a', ...request });
  return { backend, hub, wait };
}

/** Lets everything that is ready to run do so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whether a wait has ended by now. */
async function hasEnded({ result }: Wait): Promise<boolean> {
  await settled();
  return Promise.race([result.then(() => true), settled().then(() => false)]);
}

t.test('a wake during a running read makes it read again', async (t) => {
  const { backend, wait } = await open(t);
  backend.hold();
  const waiting = wait('task');
  await until('the first read runs', () => backend.heldReads === 1);
  await backend.setResult('task', success(1));
  t.equal(backend.reads, 1, 'one read at a time');
  backend.release();
  const { reason, snapshot } = await waiting.result;
  t.equal(reason, 'done');
  t.ok(snapshot?.ready, 'the second read found what came during the first');
  t.equal(backend.reads, 2);
});

t.test('a waiter is not answered from a read that began before it registered', async (t) => {
  const { backend, wait } = await open(t);
  await backend.setResult('task', success('old'));
  const known = (await backend.getStatus('task'))!.version;
  backend.hold();
  const early = wait('task', { knownVersions: ['none'] });
  await until('the read of the first one runs', () => backend.heldReads === 1);
  backend.isDeaf = true;
  await backend.setResult('task', success('new'));
  const late = wait('task', { knownVersions: ['none'] });
  backend.release();
  t.equal((await early.result).snapshot?.version, known, 'what it read');
  const found = (await late.result).snapshot;
  t.not(found?.version, known, 'the second one is given what was there when it came');
  t.match(found?.outcome?.toString(), '"return_value":"new"');
});

t.test('many waiters of one task are answered by one read', async (t) => {
  const { backend, hub, wait } = await open(t);
  const waits = Array.from({ length: 200 }, () => wait('task'));
  await settled();
  const before = backend.reads;
  t.ok(before <= 2, `${before} reads for those who came together`);
  await backend.setResult('task', success(1));
  const results = await Promise.all(waits.map(({ result }) => result));
  t.equal(new Set(results.map(({ snapshot }) => snapshot)).size, 1, 'the same snapshot');
  t.equal(backend.reads - before, 1);
  t.equal(hub.parked, 0);
});

t.test('each of them gets only the parts that it asked for', async (t) => {
  const { backend, wait } = await open(t);
  const [head, body, log] = [HEAD_ONLY, WITH_BODY, WITH_LOG].map((parts) =>
    wait('task', { parts }),
  ) as [Wait, Wait, Wait];
  await backend.setResult('task', success(1, '"logged"'));
  t.equal((await head.result).snapshot?.outcome, undefined);
  t.match((await body.result).snapshot?.outcome?.toString(), '"log":null');
  t.match((await log.result).snapshot?.outcome?.toString(), '"log":"logged"');
});

t.test(
  'hints about other tasks, and false ones, end nothing and cost at most a read',
  async (t) => {
    const { backend, wait } = await open(t);
    const waiting = wait('task');
    await settled();
    const before = backend.reads;
    await backend.setResult('other', success(1));
    backend.hint('another');
    await settled();
    t.equal(backend.reads, before);
    backend.hint('task');
    t.notOk(await hasEnded(waiting), 'the hub answers from a read, never from a hint');
    t.equal(backend.reads, before + 1);
  },
);

t.test('lost: all parked tasks are read again, in a batch', async (t) => {
  const { backend, hub, wait } = await open(t);
  const waits = ['a', 'b', 'c'].map((taskId) => wait(taskId));
  await settled();
  backend.isDeaf = true;
  await backend.setResult('b', success(1));
  const before = backend.reads;
  backend.lose();
  t.equal((await waits[1]!.result).reason, 'done');
  t.equal(backend.batches, 1);
  t.equal(backend.reads - before, 1, 'only what ends a wait is read whole');
  t.equal(hub.parked, 2);
});

t.test('the safety net finds what no hint told', async (t) => {
  const { backend, wait } = await open(t, { safetyNetMs: 40 });
  await backend.setProgress('gone', { state: 'STARTED' });
  await backend.setProgress('changed', { state: 'STARTED' });
  const version = (await backend.getStatus('changed'))!.version;
  const [ready, gone] = [wait('ready'), wait('gone')];
  const changed = wait('changed', { knownVersions: [version] });
  await settled();
  backend.isDeaf = true;
  await backend.setResult('ready', opaque('x'));
  await backend.delete('gone');
  await backend.setProgress('changed', { state: 'HALF' });
  t.equal((await ready.result).snapshot?.outcome?.toString(), 'x');
  t.equal((await gone.result).reason, 'removed');
  t.equal((await changed.result).reason, 'done');
});

t.test('a parked waiter lives through a store that is down', async (t) => {
  const { backend, hub, wait } = await open(t, { safetyNetMs: 20 });
  const [parked, late] = [wait('task'), wait('task', { timeoutMs: 250 })];
  await settled();
  backend.isFailing = true;
  backend.hint('task');
  backend.lose();
  const before = backend.batches;
  await until('some rounds of the safety net', () => backend.batches > before + 3);
  t.equal(hub.parked, 2, 'nobody was sent away');
  isError(t, await errorOf(wait('task').result), 'store-unavailable', 'at the start');
  isError(t, await errorOf(late.result), 'store-unavailable', 'at the deadline');
  await backend.setResult('task', success(1));
  backend.isFailing = false;
  t.equal((await parked.result).reason, 'done', 'it gets its outcome when the store is back');
});

for (const kind of ['one task', 'many tasks'] as const) {
  t.test(
    `${kind}: a wake whose read failed is made up for soon, not by the safety net`,
    async (t) => {
      const { backend, hub, wait } = await open(t, { safetyNetMs: 3_600_000 });
      const many = { taskIds: ['task'], target: 1, timeoutMs: 50_000, caller: 'test' };
      const { result } = kind === 'one task' ? wait('task') : hub.waitMany(many);
      await settled();
      backend.isFailing = true;
      await backend.setResult('task', success(1));
      await settled();
      t.equal(hub.parked, 1, 'it lives through it');
      backend.isFailing = false;
      t.match(await result, kind === 'one task' ? { reason: 'done' } : { isComplete: true });
    },
  );
}

t.test('a timeout is shortened by 1/16 at most, and differently', async (t) => {
  const { hub, wait } = await open(t);
  const times = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const start = performance.now();
      const { reason } = await wait(`task-${index}`, { timeoutMs: 3_200 }).result;
      t.equal(reason, 'timeout');
      return performance.now() - start;
    }),
  );
  const [least, most] = [Math.min(...times), Math.max(...times)];
  t.ok(least >= 2_700, `the shortest took ${least} ms`);
  t.ok(most - least > 100, `they do not end together (${least} to ${most} ms)`);
  t.equal(hub.parked, 0);
});

t.test('a wait is clamped to the maximum', async (t) => {
  const { hub, wait } = await open(t, { maxWaitMs: 100 });
  t.equal(hub.maxWaitMs, 100);
  const { reason, snapshot } = await wait('task', { timeoutMs: 1e9 }).result;
  t.equal(reason, 'timeout');
  t.equal(snapshot, undefined);
});

t.test('removed only where it was known when it parked', async (t) => {
  const { backend, wait } = await open(t);
  await backend.setProgress('known', { state: 'STARTED' });
  const [known, unknown] = [wait('known'), wait('unknown')];
  await settled();
  await backend.setProgress('unknown', { state: 'STARTED' });
  await backend.delete('known');
  await backend.delete('unknown');
  t.equal((await known.result).reason, 'removed');
  t.notOk(await hasEnded(unknown));
  await backend.setResult('unknown', success(1));
  t.equal((await unknown.result).reason, 'done');
});

t.test('a task that expires is not removed, however its end comes to be known', async (t) => {
  const { backend, wait } = await open(t, { safetyNetMs: 1 });
  const gone = async (taskId: string): Promise<void> => {
    await until('it has expired', () => Date.now() > (expiry.get(taskId) ?? 0));
    const before = backend.batches;
    await until('all has been read again', () => backend.batches > before + 1);
    await settled();
  };
  const expiry = new Map<string, number>();
  const expires = async (taskId: string, ttlMs: number): Promise<void> => {
    const receipt = await backend.expire(taskId, ttlMs);
    expiry.set(taskId, receipt!.snapshot!.expiresAt!);
  };
  for (const taskId of ['by-itself', 'shortened', 'rewritten']) {
    await backend.setProgress(taskId, { state: 'STARTED' }, { ttlMs: 1e9 });
  }
  await expires('by-itself', 500);
  const ids = ['by-itself', 'shortened', 'rewritten'] as const;
  const waits = ids.map((taskId) => wait(taskId));
  await settled();
  await expires('shortened', 1);
  await backend.setProgress('rewritten', { state: 'RETRY' }, { ttlMs: 1 });
  expiry.set('rewritten', Date.now() + 1);
  for (const [at, taskId] of ids.entries()) {
    await gone(taskId);
    t.notOk(await hasEnded(waits[at]!), `${taskId}: it stays parked`);
    await backend.setResult(taskId, success(1));
    t.equal((await waits[at]!.result).reason, 'done', `${taskId}: an outcome still comes`);
  }
});

t.test('at the deadline, a task that has expired is unknown', async (t) => {
  const { backend, wait } = await open(t, { safetyNetMs: 1 });
  await backend.setProgress('task', { state: 'STARTED' }, { ttlMs: 20 });
  const { reason, snapshot } = await wait('task', { timeoutMs: 200 }).result;
  t.same([reason, snapshot], ['timeout', undefined]);
});

t.test('a removal that nobody was told of is seen by the next read of all', async (t) => {
  const { backend, wait } = await open(t, { safetyNetMs: 1 });
  await backend.setProgress('task', { state: 'STARTED' });
  const waiting = wait('task');
  await settled();
  backend.isDeaf = true;
  await backend.delete('task');
  t.equal((await waiting.result).reason, 'removed');
});

t.test('what an earlier wait has found is removed where it is gone before its time', async (t) => {
  const { wait } = await open(t);
  const knownUntil = Date.now() + 3_600_000;
  t.equal((await wait('task', { knownUntil }).result).reason, 'removed');
  const past = wait('task', { knownUntil: Date.now() - 1 });
  t.notOk(await hasEnded(past), 'it has expired: its outcome may come');
});

t.test('a late hint of an earlier removal does not end a wait', async (t) => {
  const { backend, wait } = await open(t, { safetyNetMs: 1 });
  await backend.setProgress('task', { state: 'STARTED' }, { ttlMs: 200 });
  const waiting = wait('task');
  await settled();
  backend.hint('task');
  await until('it was read', () => backend.reads > 1);
  await until('it has expired and was swept', () => backend.storedTasks === 0);
  const before = backend.batches;
  await until('all has been read again', () => backend.batches > before + 1);
  t.notOk(await hasEnded(waiting));
});

t.test('who knows a version of an unknown task is told at once', async (t) => {
  const { wait } = await open(t);
  t.same(await wait('task', { knownVersions: ['1-1.o'] }).result, {
    reason: 'done',
    snapshot: undefined,
  });
});

t.test('cancelling leaves nothing behind, at any time', async (t) => {
  const { backend, hub, wait } = await open(t, { maxWaiters: 1_000, maxWaitersPerCaller: 1_000 });
  for (let round = 0; round < 10; round += 1) {
    const waits = Array.from({ length: 1_000 }, (_, index) => wait(`task-${index % 7}`));
    t.equal(hub.parked, 1_000);
    if (round % 2 === 0) await settled();
    for (const { cancel } of waits) cancel();
    for (const { cancel } of waits) cancel();
    t.equal(hub.parked, 0);
  }
  const waiting = wait('task-1');
  await backend.setResult('task-1', success(1));
  t.equal((await waiting.result).reason, 'done', 'the counts of the caller are free again');
  waiting.cancel();
  t.equal(hub.parked, 0);
});

t.test('one waiter that leaves does not take the others of its task along', async (t) => {
  const { backend, hub, wait } = await open(t);
  const [leaving, staying] = [wait('task'), wait('task')];
  await settled();
  leaving.cancel();
  t.equal(hub.parked, 1);
  await backend.setResult('task', success(1));
  t.equal((await staying.result).reason, 'done');
  t.notOk(await hasEnded(leaving), 'who has left is not answered');
});

t.test('beyond the limits only what need not park is answered', async (t) => {
  const { backend, hub, wait } = await open(t, { maxWaiters: 3, maxWaitersPerCaller: 2 });
  await backend.setResult('ready', success(1));
  wait('x', { caller: 'a' });
  wait('x', { caller: 'a' });
  const refusal = errorOf(wait('x', { caller: 'a' }).result);
  isError(t, await refusal, 'too-many-waiters-for-caller', 'the third of one caller');
  const other = wait('y', { caller: 'b' });
  isError(t, await errorOf(wait('y', { caller: 'c' }).result), 'too-many-waiters', 'the fourth');
  t.equal(hub.parked, 3);
  t.equal((await wait('ready', { caller: 'a' }).result).reason, 'done');
  t.equal((await wait('ready', { caller: 'c' }).result).reason, 'done');
  other.cancel();
  const fourth = wait('y', { caller: 'c' });
  t.notOk(await hasEnded(fourth), 'there is room again');
});

t.test('a drain answers everyone with the present state, and later ones at once', async (t) => {
  const { backend, hub, wait } = await open(t);
  await backend.setProgress('known', { state: 'STARTED' });
  const version = (await backend.getStatus('known'))!.version;
  const waits = [
    ...Array.from({ length: 50 }, (_, index) => wait(`task-${index}`)),
    wait('known'),
    wait('known', { knownVersions: [version] }),
  ];
  const start = performance.now();
  const times = waits.map(async ({ result }) => {
    const { reason } = await result;
    t.equal(reason, 'draining');
    return performance.now() - start;
  });
  await hub.drain(300);
  t.equal(hub.parked, 0);
  const ended = await Promise.all(times);
  const early = ended.filter((ms) => ms < 150).length;
  t.ok(early > 10 && early < 45, `spread over the time: ${early} of 52 in its first half`);
  const { reason, snapshot } = await wait('known').result;
  t.equal(reason, 'draining');
  t.equal(snapshot?.state, 'STARTED');
  await backend.setResult('known', success(1));
  t.equal((await wait('known').result).reason, 'done');
});

t.test('a drain spreads those who wait for one task too, for two reads in each step', async (t) => {
  const { backend, hub, wait } = await open(t);
  const waits = Array.from({ length: 400 }, () => wait('task'));
  await settled();
  const before = backend.reads;
  const start = performance.now();
  const times = waits.map(async ({ result }) => {
    await result;
    return performance.now() - start;
  });
  await hub.drain(400);
  const ended = await Promise.all(times);
  const early = ended.filter((ms) => ms < 200).length;
  t.ok(early > 50 && early < 350, `spread over the time: ${early} of 400 in its first half`);
  t.ok(backend.reads - before <= 50, `${backend.reads - before} reads`);
});

t.test('a drain ends where the store is down, too', async (t) => {
  const { backend, hub, wait } = await open(t);
  const waiting = errorOf(wait('task').result);
  await settled();
  backend.isFailing = true;
  await hub.drain(0);
  isError(t, await waiting, 'store-unavailable', 'the waiter');
  t.equal(hub.parked, 0);
});
