/**
 * A store that cannot be reached, or that says nothing any more: every call is an error within a
 * bounded time, and none says that a task is absent; afterwards all is as before.
 */
import type { Test } from 'tap';
import type { ResultBackend } from '../../src/result-backend.js';
import {
  errorOf,
  eventually,
  isError,
  sameBytes,
  snapshotIn,
  success,
  successEnvelope,
} from './expect.js';
import type { Disturbance } from './factory.js';
import { Hearing } from './hearing.js';
import { storeOperations } from './operations.js';
import { type Context, needing, type Store, type Topic } from './topic.js';

/** How long a call may wait for its store. One that is frozen is waited for so long by each call. */
const STORE_TIMEOUT_MS = { outage: 10_000, freeze: 5_000 };
/** How long a call may take to fail: the same, and what a busy machine takes. */
const BOUND_MS = 60_000;

/** Gone (its connections break), or frozen (they stay, and nothing is answered). */
type Kind = 'outage' | 'freeze';

/** A store of its own with an outage to begin, which ends with the test at the latest. */
async function disturbed(
  t: Test,
  context: Context,
  kind: Kind = 'outage',
): Promise<{ store: Store; outage: Outage }> {
  const store = await context.freshStore(t, STORE_TIMEOUT_MS[kind]);
  const outage = new Outage(store.fixture[kind]!);
  t.teardown(() => outage.end());
  return { store, outage };
}

class Outage {
  readonly #disturbance: Disturbance;
  #isOn = false;

  constructor(disturbance: Disturbance) {
    this.#disturbance = disturbance;
  }

  async begin(): Promise<void> {
    this.#isOn = true;
    await this.#disturbance.begin();
  }

  async end(): Promise<void> {
    if (!this.#isOn) return;
    this.#isOn = false;
    await this.#disturbance.end();
  }
}

async function isBack(t: Test, backend: ResultBackend): Promise<void> {
  const answers = async () => (await errorOf(backend.ping())) === undefined;
  await eventually(t, answers, 'the store answers again');
}

/** Expects every call to fail in time, and as what it is. */
async function allFail(t: Test, calls: readonly [string, Promise<unknown>][]): Promise<void> {
  const began = Date.now();
  await Promise.all(
    calls.map(async ([name, call]) => {
      const error = await errorOf(call);
      isError(t, error, 'store-unavailable', name);
      t.ok((error as Error | undefined)?.message, `${name}: says what happened`);
      const took = Date.now() - began;
      t.ok(took <= BOUND_MS, `${name}: failed within ${BOUND_MS} ms (${took})`);
    }),
  );
}

/** What holds for a store that is gone and for one that is frozen. */
function failing(kind: Kind, prefix: string): Topic['cases'] {
  return {
    [`${prefix}every operation fails in time, and works again afterwards`]: needing(
      kind,
      async (t, context) => {
        const { store, outage } = await disturbed(t, context, kind);
        const backend = await store.start();
        await isBack(t, backend);
        await backend.setResult('there', success('there'));
        await outage.begin();
        for (const taskId of ['there', 'unknown']) {
          const calls = Object.entries(storeOperations(backend, taskId));
          await allFail(
            t,
            calls.map(([name, call]) => [`${name} of ${taskId}`, call()]),
          );
        }
        await outage.end();
        await isBack(t, backend);
        await backend.delete('after');
        await backend.setResult('after', success('after'), { mode: 'create' });
        const read = await backend.getResult('after');
        sameBytes(t, read?.outcome, successEnvelope('after'), 'a write and a read');
        for (const call of Object.values(storeOperations(backend, 'again'))) {
          const error = await errorOf(call());
          const { code } = (error ?? {}) as { code?: string };
          t.ok(code !== 'store-unavailable', 'every operation is served again');
        }
      },
    ),

    [`${prefix}calls that run when the outage begins come to an end`]: needing(
      kind,
      async (t, context) => {
        const { store, outage } = await disturbed(t, context, kind);
        const backend = await store.start();
        const calls = Array.from({ length: 50 }, (_, n) =>
          errorOf(backend.setResult(`task-${n}`, success(n), { mode: 'create' })),
        );
        const began = Date.now();
        const beginning = outage.begin();
        const errors = await Promise.all(calls);
        for (const error of errors) {
          if (error !== undefined)
            isError(t, error, 'store-unavailable', 'a call that was cut off');
        }
        t.ok(Date.now() - began <= BOUND_MS, 'all of them in time');
        await beginning;
        await outage.end();
        await isBack(t, backend);
        for (const [n, error] of errors.entries()) {
          if (error !== undefined || !backend.supports.durable) continue;
          t.equal(await backend.isResultReady(`task-${n}`), true, 'what was acknowledged is there');
        }
      },
    ),

    [`${prefix}a startup without the store fails in time, and may be tried again`]: needing(
      kind,
      async (t, context) => {
        const { store, outage } = await disturbed(t, context, kind);
        await outage.begin();
        const backend = store.create();
        await allFail(t, [['startup', backend.startup()]]);
        await outage.end();
        const starts = async () => (await errorOf(backend.startup())) === undefined;
        await eventually(t, starts, 'it starts once the store is back');
        await backend.setResult('task', success(1));
        t.equal(await backend.isResultReady('task'), true);
      },
    ),

    [`${prefix}a shutdown without the store comes to an end`]: needing(kind, async (t, context) => {
      const { store, outage } = await disturbed(t, context, kind);
      const backend = await store.start();
      const hearing = new Hearing();
      await backend.subscribe(hearing.listener);
      await outage.begin();
      const running = errorOf(backend.getStatus('task'));
      const began = Date.now();
      await backend.shutdown();
      const took = Date.now() - began;
      t.ok(took <= BOUND_MS, `within ${BOUND_MS} ms (${took})`);
      isError(t, await running, 'store-unavailable', 'a call that was running');
    }),
  };
}

export const outage: Topic = {
  name: 'outage',
  cases: {
    ...failing('outage', ''),
    ...failing('freeze', 'frozen: '),

    'a store that was away has lost nothing that it keeps': needing(
      'outage',
      async (t, context) => {
        const { store, outage } = await disturbed(t, context);
        const backend = await store.start();
        if (!backend.supports.durable) {
          t.comment('does not apply: the store is not durable');
          return;
        }
        const before = await backend.setResult('task', success(1, '"log"'));
        await outage.begin();
        await errorOf(backend.getResult('task'));
        await outage.end();
        await isBack(t, backend);
        const read = await backend.getResult('task', { withLogs: true });
        sameBytes(t, read?.outcome, successEnvelope(1, '"log"'), 'the outcome');
        t.equal(read?.version, snapshotIn(before).version);
      },
    ),

    'a subscription lives through it, and says that it may have missed some': needing(
      'outage',
      async (t, context) => {
        const { store, outage } = await disturbed(t, context);
        const backend = await store.start();
        const hearing = new Hearing();
        await backend.subscribe(hearing.listener);
        const first = snapshotIn(await backend.setResult('before', success(1)));
        t.equal(await hearing.until(() => hearing.has('before', first.version)), true);
        t.equal(hearing.lost, false);
        await outage.begin();
        await errorOf(backend.ping());
        await outage.end();
        t.equal(await hearing.until(() => hearing.lost), true, 'lost is heard');
        await isBack(t, backend);
        const { version } = snapshotIn(await backend.setResult('after', success(2)));
        const hears = () => hearing.has('after', version);
        t.equal(await hearing.until(hears), true, 'and later changes are heard of again');
      },
    ),

    'frozen: what was written is there, and is heard of, once it answers again': needing(
      'freeze',
      async (t, context) => {
        const { store, outage } = await disturbed(t, context, 'freeze');
        const backend = await store.start();
        const hearing = new Hearing();
        await backend.subscribe(hearing.listener);
        const before = snapshotIn(await backend.setResult('before', success(1)));
        await outage.begin();
        isError(t, await errorOf(backend.getResult('before')), 'store-unavailable', 'a read');
        await outage.end();
        await isBack(t, backend);
        const read = await backend.getResult('before');
        sameBytes(t, read?.outcome, successEnvelope(1), 'the outcome of before');
        t.equal(read?.version, before.version);
        const hears = async () => {
          await backend.setResult('after', success(2));
          return hearing.of('after').length > 0;
        };
        await eventually(t, hears, 'changes are heard of again');
      },
    ),
  },
};
