/** Many writes on a store that has no cheaper way: in rounds, each of them a call of its own. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { outcomeConflict, type ResultdError, storeUnavailable } from '../src/errors.js';
import { Primitives } from '../src/result-backend/primitives.js';

/** Memory, one call for each write, as a store on a network is. */
class OneByOne extends MemoryBackend {
  /** What every call fails with, but that for the task `well`. */
  failure: ResultdError | undefined;
  running = 0;
  mostRunning = 0;
  calls = 0;

  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    this.calls += 1;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running -= 1;
    const { taskId } = call[1];
    if (taskId === 'refused') throw storeUnavailable('it is down');
    if (this.failure !== undefined && taskId !== 'well') throw this.failure;
    return super._execute(...call);
  }
}

// It forgets memory's cheaper way.
const name = '_executeMany';
const inherited = Object.getOwnPropertyDescriptor(Primitives.prototype, name)!;
Object.defineProperty(OneByOne.prototype, name, inherited);

async function start(t: Test): Promise<OneByOne> {
  const backend = new OneByOne();
  await backend.startup();
  t.teardown(() => backend.shutdown());
  return backend;
}

const itemsOf = (ids: readonly string[]) =>
  ids.map((taskId) => ({ taskId, outcome: { returnValue: taskId } }));

t.test('ten thousand are not all sent at once, and each has its answer', async (t) => {
  const backend = await start(t);
  const ids = Array.from({ length: 10_000 }, (_, n) => (n === 5_000 ? 'refused' : `task-${n}`));
  const replies = await backend.setMany(itemsOf(ids));
  t.ok(backend.mostRunning <= 1_000, `${backend.mostRunning} at once`);
  t.equal(backend.calls, 10_000);
  t.equal(replies.length, 10_000);
  for (const [at, reply] of replies.entries()) {
    if (at === 5_000) t.match(reply, { code: 'store-unavailable' });
    else if (reply instanceof Error || reply.snapshot?.taskId !== ids[at]) t.fail(`item ${at}`);
  }
});

t.test('a store that takes none of the first is not asked for all the others', async (t) => {
  const backend = await start(t);
  backend.failure = storeUnavailable('it is down');
  const replies = await backend.setMany(itemsOf(Array.from({ length: 10_000 }, (_, n) => `${n}`)));
  t.ok(backend.calls <= 1_000, `${backend.calls} calls`);
  t.equal(replies.length, 10_000);
  t.ok(replies.every((reply) => reply instanceof Error && /it is down/.test(reply.message)));
});

t.test('refusals of the first, as another resultd gives them, are no reason to stop', async (t) => {
  const backend = await start(t);
  backend.failure = outcomeConflict('task', 'SUCCESS');
  const ids = Array.from({ length: 2_500 }, (_, n) => (n === 2_499 ? 'well' : `task-${n}`));
  const replies = await backend.setMany(itemsOf(ids));
  t.equal(backend.calls, 2_500);
  t.match(replies[2_498], { code: 'outcome-conflict' });
  t.match(replies[2_499], { verdict: 'created' });
});
