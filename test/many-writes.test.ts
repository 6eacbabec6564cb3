/** Many writes on a store that has no cheaper way: in rounds, each of them a call of its own. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../src/backends/memory/memory-backend.js';
import { storeUnavailable } from '../src/errors.js';
import { Primitives } from '../src/result-backend-primitives.js';

/** Memory, one call for each write, as a store on a network is. */
class OneByOne extends MemoryBackend {
  isFailing = false;
  running = 0;
  mostRunning = 0;
  calls = 0;

  protected override async _execute(...call: Parameters<MemoryBackend['_execute']>) {
    this.calls += 1;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running -= 1;
    if (this.isFailing || call[1].taskId === 'refused') throw storeUnavailable('it is down');
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
  backend.isFailing = true;
  const replies = await backend.setMany(itemsOf(Array.from({ length: 10_000 }, (_, n) => `${n}`)));
  t.ok(backend.calls <= 1_000, `${backend.calls} calls`);
  t.equal(replies.length, 10_000);
  t.ok(replies.every((reply) => reply instanceof Error && /it is down/.test(reply.message)));
});
