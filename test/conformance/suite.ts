/**
 * The conformance suite: the contract in executable form. It names no backend; a backend's test
 * file is a factory and a call of `conformance`.
 *
 * A deviation is data. A test that deviates is reported with its reason and not run; a deviation
 * that names no test fails, so that the list cannot rot.
 */
import t, { type Test } from 'tap';
import { conditions } from './conditions.js';
import { consume } from './consume.js';
import { deletion } from './delete.js';
import { exceptions } from './exceptions.js';
import { expiry } from './expiry.js';
import type { Factory } from './factory.js';
import { ids } from './ids.js';
import { lifeCycle } from './life-cycle.js';
import { listing } from './listing.js';
import { many } from './many.js';
import { namespaces } from './namespaces.js';
import { notifications } from './notifications.js';
import { outage } from './outage.js';
import { progress } from './progress.js';
import { races } from './races.js';
import { Random, testSeed } from './random.js';
import { results } from './results.js';
import { sizes } from './sizes.js';
import { Context, Store, type Topic } from './topic.js';
import { vectors } from './vectors.js';
import { versions } from './versions.js';

const TOPICS: readonly Topic[] = [
  results,
  vectors,
  ids,
  exceptions,
  progress,
  conditions,
  versions,
  expiry,
  consume,
  deletion,
  many,
  listing,
  notifications,
  namespaces,
  lifeCycle,
  races,
  sizes,
  outage,
];

/** Topics that run side by side: each has a store of its own, and they wait most of the time. */
const TOPICS_AT_ONCE = 4;

/** Registers every test of the contract for one backend. A test's full name is `topic: name`. */
export function conformance(factory: Factory): void {
  const seed = testSeed();
  t.jobs = factory.isShared === true ? 1 : TOPICS_AT_ONCE;
  t.comment(`${factory.name}: seed ${seed}; RESULTD_TEST_SEED=${seed} runs it again`);
  const deviations = new Map(factory.deviations?.map(({ test, reason }) => [test, reason]));
  for (const topic of TOPICS) {
    t.test(`${factory.name}: ${topic.name}`, { buffered: true }, (topicTest) =>
      runTopic(topicTest, topic, factory, { deviations, seed }),
    );
  }
  t.test(`${factory.name}: every deviation names a test and says why`, async (test) => {
    const names = new Set(
      TOPICS.flatMap(({ name, cases }) => Object.keys(cases).map((key) => `${name}: ${key}`)),
    );
    for (const [name, reason] of deviations) {
      test.ok(names.has(name), `the suite has a test named "${name}"`);
      test.ok(reason.trim() !== '', `"${name}" deviates for a reason`);
    }
    test.equal(deviations.size, factory.deviations?.length ?? 0, 'no test deviates twice');
  });
}

async function runTopic(
  t: Test,
  topic: Topic,
  factory: Factory,
  { deviations, seed }: { deviations: ReadonlyMap<string, string>; seed: number },
): Promise<void> {
  const store = new Store(await factory.open(false));
  t.teardown(() => store.close());
  const backend = await store.start();
  const context = new Context(factory, store, backend, new Random(seed));
  const { supports } = backend;
  const { fixture } = store;
  const disturbances = {
    outage: fixture.outage !== undefined,
    freeze: fixture.freeze !== undefined,
  };
  const has = { ...supports, ...disturbances };
  for (const [name, entry] of Object.entries(topic.cases)) {
    const reason = deviations.get(`${topic.name}: ${name}`);
    const { needs, run } = typeof entry === 'function' ? { needs: undefined, run: entry } : entry;
    if (reason !== undefined) {
      t.test(name, { skip: `deviates: ${reason}` }, () => {});
    } else if (needs !== undefined && !has[needs]) {
      t.comment(`does not apply, since the store is not "${needs}": ${name}`);
    } else {
      await t.test(name, (test) => run(test, context));
    }
  }
}
