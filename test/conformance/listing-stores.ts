/**
 * Lists and counts beside what reads say, after much random work; after a restart; and on two
 * backends of one store.
 */
import { ResultdError } from '../../src/errors.js';
import { NEVER } from '../../src/record/entry.js';
import type { ResultBackend } from '../../src/result-backend.js';
import {
  errorOf,
  failure,
  HOUR_MS,
  opaque,
  pastInstant,
  SHORT_MS,
  snapshotIn,
  success,
} from './expect.js';
import { agrees, emptyBackend, idsOf, traverse } from './listed.js';
import type { Random } from './random.js';
import { needing, type Topic } from './topic.js';

const STATES = ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'half way', 'other'];
const IDS = Array.from({ length: 80 }, (_, n) => `task-${n}`);

/** One write at random; refusals are a part of it. */
async function randomWrite(backend: ResultBackend, random: Random): Promise<void> {
  const taskId = random.pick(IDS);
  const ttlMs = random.pick([SHORT_MS / 2, SHORT_MS, HOUR_MS, HOUR_MS, NEVER, undefined]);
  const outcome = () =>
    random.pick([success(random.below(3)), failure(), opaque('bytes'), success(1, '"log"')]);
  const calls: readonly (() => Promise<unknown>)[] = [
    () => backend.setResult(taskId, outcome(), { mode: 'create', ttlMs }),
    () => backend.setResult(taskId, outcome(), { mode: 'create', ttlMs }),
    () => backend.setResult(taskId, outcome(), { ttlMs }),
    () => backend.setResult(taskId, outcome(), { ttlMs, conditions: { ifMatch: '*' } }),
    () => backend.setProgress(taskId, { state: random.pick(STATES) }, { ttlMs }),
    () => backend.setProgress(taskId, { state: random.pick(STATES) }, { ttlMs }),
    () => backend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register', ttlMs }),
    () => backend.expire(taskId, ttlMs ?? HOUR_MS),
    () => backend.delete(taskId),
    () => backend.consume(taskId, random.pick([{}, { idempotencyKey: 'key' }])),
  ];
  const error = await errorOf(random.pick(calls)());
  if (error === undefined) return;
  const refusals = ['outcome-conflict', 'not-ready', 'version-mismatch'];
  if (!(error instanceof ResultdError && refusals.includes(error.code))) throw error;
}

async function randomWork(backends: readonly ResultBackend[], random: Random, writes: number) {
  const worker = async (): Promise<void> => {
    for (let n = 0; n < writes / 8; n += 1) await randomWrite(random.pick(backends), random);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** Waits until all that has a short time to live has expired, though perhaps not been purged. */
async function afterShortTtls(): Promise<void> {
  await pastInstant(Date.now() + SHORT_MS + 5);
}

export const storesCases: Topic['cases'] = {
  'lists and counts are what reads say, after whatever was done': needing(
    'listing',
    async (t, context) => {
      const { random } = context;
      t.comment(`seed ${random.seed}`);
      const backend = await emptyBackend(t, context);
      for (let round = 0; round < 4; round += 1) {
        await randomWork([backend], random, 160);
        await afterShortTtls();
        await agrees(t, backend, IDS, `round ${round} (seed ${random.seed})`);
      }
      await Promise.all(IDS.map((taskId) => backend.delete(taskId)));
      t.equal((await backend.count()).total, 0, 'all deleted');
      t.same((await backend.list()).items, []);
    },
  ),

  'first-wins counts one task, whoever won': needing('listing', async (t, context) => {
    const backend = await emptyBackend(t, context);
    const outcomes = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? success(n) : failure()));
    await backend.setMany(
      outcomes.map((outcome) => ({ taskId: 'task', outcome, options: { mode: 'create' } })),
    );
    const { total, states } = await backend.count();
    t.equal(total, 1);
    t.equal(states.SUCCESS + states.FAILURE, 1);
    await agrees(t, backend, ['task'], 'afterwards');
  }),

  'after a restart lists and counts are the same': needing('durable', async (t, context) => {
    if (!context.backend.supports.listing) return;
    const { random } = context;
    t.comment(`seed ${random.seed}`);
    const store = await context.freshStore(t);
    const before = await store.start();
    await randomWork([before], random, 160);
    await before.setResult('kept', success(1), { ttlMs: NEVER });
    const down = { ttlMs: 2 * SHORT_MS };
    const { expiresAt } = snapshotIn(await before.setResult('expires-meanwhile', success(1), down));
    const page = await before.list({ limit: 1 });
    // The head of the list may expire before the traversal.
    const head = page.items[0]!.taskId;
    const rest = idsOf(await traverse(t, before)).filter((taskId) => taskId !== head);
    await before.shutdown();
    await pastInstant(expiresAt);
    const after = await store.start();
    await agrees(t, after, [...IDS, 'kept', 'expires-meanwhile'], `seed ${random.seed}`);
    const known = await after.getMany(rest);
    const { items } = await after.list({ cursor: page.nextCursor });
    t.same(
      idsOf(items),
      rest.filter((_, n) => known[n] !== undefined),
      'a cursor of before is good after',
    );
    await randomWork([after], random, 80);
    await afterShortTtls();
    await agrees(t, after, [...IDS, 'kept', 'expires-meanwhile'], 'after more work');
  }),

  'two backends on one store list and count the same': needing('shared', async (t, context) => {
    if (!context.backend.supports.listing) return;
    const { random } = context;
    t.comment(`seed ${random.seed}`);
    const store = await context.freshStore(t);
    const backends = [await store.start(), await store.start()] as const;
    await randomWork(backends, random, 320);
    await afterShortTtls();
    for (const backend of backends) await agrees(t, backend, IDS, `seed ${random.seed}`);
    await backends[0].setProgress('fresh', { state: 'fresh' });
    t.equal((await backends[1].list({ states: ['fresh'] })).items.length, 1, 'at once');
    const page = await backends[0].list({ limit: 2 });
    const [there, here] = await Promise.all(
      backends.map((backend) => backend.list({ cursor: page.nextCursor })),
    );
    t.same(idsOf(there!.items), idsOf(here!.items), 'a cursor of one is good at the other');
  }),
};
