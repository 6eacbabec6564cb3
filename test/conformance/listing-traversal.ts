/**
 * Traversals, page by page: whole and in order, across tasks of one time, and while tasks are
 * written. The schedule of the writes comes from the printed seed.
 */
import type { ListQuery, ResultBackend } from '../../src/result-backend.js';
import { eventually, failure, HOUR_MS, success } from './expect.js';
import { emptyBackend, idsOf, inOrder, isInOrder, traverse } from './listed.js';
import type { Random } from './random.js';
import { needing, type Topic } from './topic.js';

const STATES = ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'half way', 'nearly'];

/** Writes to tasks that are there, removes some of them for good, and makes new ones. */
class Bustle {
  readonly #backend: ResultBackend;
  readonly #random: Random;
  readonly #live: string[];
  #made = 0;

  constructor(backend: ResultBackend, random: Random, live: readonly string[]) {
    this.#backend = backend;
    this.#random = random;
    this.#live = [...live];
  }

  async write(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#step()));
  }

  async #step(): Promise<unknown> {
    const backend = this.#backend;
    const taskId = this.#random.pick(this.#live);
    switch (this.#random.below(6)) {
      case 0:
        return backend.setResult(taskId, this.#random.pick([success(1), failure()]));
      case 1:
        return backend.expire(taskId, HOUR_MS);
      case 2:
        return this.#remove();
      case 3:
        return this.#make();
      default:
        return backend.setProgress(taskId, { state: this.#random.pick(STATES) });
    }
  }

  async #make(): Promise<void> {
    this.#made += 1;
    const taskId = `${this.#random.pick(['', 'm', 'z'])}made-${this.#made}`;
    await this.#backend.setProgress(taskId, { state: this.#random.pick(STATES) });
    this.#live.push(taskId);
  }

  /** The task is not written again: one that is made anew would be another one of the same name. */
  async #remove(): Promise<void> {
    if (this.#live.length < 20) return;
    const [taskId] = this.#live.splice(this.#random.below(this.#live.length), 1);
    await this.#backend.setResult(taskId!, success(1));
    if (this.#random.below(2) === 0) await this.#backend.delete(taskId!);
    else await this.#backend.consume(taskId!);
  }
}

async function write(backend: ResultBackend, ids: readonly string[], random: Random) {
  const progress = () => ({ state: random.pick(STATES) });
  await backend.setMany(ids.map((taskId) => ({ taskId, progress: progress() })));
}

function named(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}

export const traversalCases: Topic['cases'] = {
  'pages of every size make up the same list': needing('listing', async (t, context) => {
    const backend = await emptyBackend(t, context);
    await write(backend, named('task', 60), context.random);
    const all = (await backend.list()).items;
    t.equal(all.length, 60);
    for (const limit of [1, 2, 7, 20, 59, 60, 61]) {
      t.same(idsOf(await traverse(t, backend, { limit })), idsOf(all), `by ${limit}`);
    }
    const some = { states: ['PENDING', 'half way'] };
    const wanted = idsOf(all.filter((task) => some.states.includes(task.state)));
    for (const limit of [1, 3, 100]) {
      const found = idsOf(await traverse(t, backend, { ...some, limit }));
      t.same(found, wanted, `two states by ${limit}`);
    }
    const item = all[30]!;
    t.equal(item.toStatusView(), (await backend.getStatus(item.taskId))?.toStatusView());
    t.equal(item.outcome, undefined, 'no outcome is moved');
  }),

  'pages part tasks of one time by their ids': needing('listing', async (t, context) => {
    const backend = await emptyBackend(t, context);
    const ids: string[] = [];
    const areThere = async () => {
      const more = ['b', 'a', 'C', '-1', '~', '_', 'aa', 'Z'].map((name) => `${name}${ids.length}`);
      ids.push(...more);
      await write(backend, more, context.random);
      const times = (await backend.getMany(ids)).map((task) => task!.updatedAt);
      return times.length - new Set(times).size >= 3;
    };
    await eventually(t, areThere, 'some tasks were written in the same millisecond');
    const wanted = inOrder((await backend.getMany(ids)).map((task) => task!));
    for (const limit of [1, 2, 3]) {
      t.same(idsOf(await traverse(t, backend, { limit })), idsOf(wanted), `by ${limit}`);
    }
  }),

  'a cursor outlives the task that it stands behind': needing('listing', async (t, context) => {
    const backend = await emptyBackend(t, context);
    const ids = named('task', 9);
    await write(backend, ids, context.random);
    const all = idsOf((await backend.list()).items);
    const first = await backend.list({ limit: 3 });
    await backend.delete(all[2]!);
    await backend.setProgress(all[1]!, { state: 'STARTED' });
    await backend.delete(all[3]!);
    const rest = await backend.list({ cursor: first.nextCursor });
    t.same(idsOf(rest.items), all.slice(4));
    t.equal(rest.nextCursor, undefined);
    const again = await backend.list({ cursor: first.nextCursor, limit: 2 });
    t.same(idsOf(again.items), all.slice(4, 6), 'it may be used again, with another limit');
  }),

  'a traversal while tasks are written has no task twice, and every other one once': needing(
    'listing',
    async (t, context) => {
      const { random } = context;
      t.comment(`seed ${random.seed}`);
      const backend = await emptyBackend(t, context);
      const [calm, hot] = [named('calm', 150), named('hot', 50)];
      const mixed = [...calm, ...hot].sort(() => random.next() - 0.5);
      for (let at = 0; at < mixed.length; at += 25) {
        await write(backend, mixed.slice(at, at + 25), random);
      }
      const calmTasks = (await backend.getMany(calm)).map((task) => task!);
      const bustle = new Bustle(backend, random, hot);
      for (let round = 0; round < 8; round += 1) {
        const states = round % 2 === 0 ? undefined : ['STARTED', 'half way', 'SUCCESS'];
        const query: ListQuery = { limit: 1 + random.below(20), states };
        const items = await traverse(t, backend, query, () => bustle.write(random.below(12)));
        const name = `round ${round} (seed ${random.seed})`;
        t.equal(new Set(idsOf(items)).size, items.length, `${name}: none comes twice`);
        t.ok(isInOrder(items), `${name}: in order across all pages`);
        const wanted = calmTasks.filter((task) => states?.includes(task.state) ?? true);
        t.same(
          idsOf(items.filter((task) => task.taskId.startsWith('calm'))),
          idsOf(inOrder(wanted)),
          `${name}: all that did not change`,
        );
        t.ok(
          items.every((task) => states?.includes(task.state) ?? true),
          `${name}: each in a state that was asked for`,
        );
      }
    },
  ),
};
