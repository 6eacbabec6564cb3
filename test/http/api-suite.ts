/**
 * The HTTP API's suite: every row of the design's first table, over real HTTP. It names no backend;
 * a backend's test file says how to open an empty store, and calls `apiSuite`.
 */
import t, { type Test } from 'tap';
import { Service, type ServiceOptions } from '../support/service.js';
import { batchGet } from './suite/batch-get.js';
import { batchSet } from './suite/batch-set.js';
import { batchWait } from './suite/batch-wait.js';
import { conditions } from './suite/conditions.js';
import { consume } from './suite/consume.js';
import { isDocumented } from './suite/documented.js';
import { events } from './suite/events.js';
import { exceptions } from './suite/exceptions.js';
import { expiry } from './suite/expiry.js';
import { lists } from './suite/lists.js';
import { opaque } from './suite/opaque.js';
import { outcomes } from './suite/outcomes.js';
import { refusals } from './suite/refusals.js';
import { statuses } from './suite/statuses.js';
import { tasks } from './suite/tasks.js';
import { Api, type Store, type Topic } from './suite/topic.js';
import { vectors } from './suite/vectors.js';
import { waiting } from './suite/waiting.js';
import { watching } from './suite/watching.js';

/** What a store could spoil although it keeps the contract: what goes to it and comes from it as a whole. */
const OF_STORES: readonly Topic[] = [
  outcomes,
  conditions,
  consume,
  waiting,
  events,
  batchGet,
  batchSet,
  lists,
];

/** What is the same on every store that keeps the contract. */
const OF_ALL: readonly Topic[] = [
  exceptions,
  opaque,
  statuses,
  tasks,
  vectors,
  expiry,
  watching,
  refusals,
  batchWait,
];

/** Longer than any store takes, on a busy machine too. */
const PATIENT_MS = 120_000;

/** Topics that run side by side: each has a store of its own, and they wait most of the time. */
const TOPICS_AT_ONCE = 4;

/**
 * Registers the tests for one backend: all of them, or those of what touches the store. `open` gives an
 * empty store each time.
 */
export function apiSuite(name: string, open: () => Promise<Store>, isWhole = false): void {
  const start = async (test: Test, options: ServiceOptions): Promise<Service> => {
    const store = await open();
    test.teardown(() => store.close());
    return Service.start(test, store.url, { storeTimeoutMs: PATIENT_MS, ...options });
  };
  t.test(name, async (suite) => {
    suite.jobs = TOPICS_AT_ONCE;
    for (const topic of isWhole ? [...OF_STORES, ...OF_ALL] : OF_STORES) {
      suite.test(topic.name, { buffered: true }, async (test) => {
        const api = new Api(await start(test, {}), start);
        for (const [title, run] of Object.entries(topic.cases)) {
          await test.test(title, (child) => run(child, api));
        }
      });
    }
  });
  if (!isWhole) return;
  t.test(`${name}: every answer is documented, and every documented one was seen`, async (test) =>
    isDocumented(test, await start(test, {})),
  );
}
