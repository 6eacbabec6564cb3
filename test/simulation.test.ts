/**
 * A short run of the simulation on each backend, and the proof that its laws can be broken: stores
 * with one mistake each, which it has to find. `npm run sim` runs it for longer.
 */
import t from 'tap';
import type { TaskEntry } from '../src/record/entry.js';
import type { Command, Reply } from '../src/result-backend/commands.js';
import type { Listener, Unsubscribe } from '../src/result-backend.js';
import { testSeed } from './conformance/random.js';
import { simulateMany } from './simulation/many.js';
import { FaultyMemoryBackend, memoryWorld } from './simulation/memory-world.js';
import { openWorld, WORLDS } from './simulation/worlds.js';

const SCHEDULES = 25;
/** Of these a mistake must break one; the first that it breaks is the last that is run. */
const MOST_SCHEDULES = 400;
const JOBS = 24;
const firstSeed = testSeed();

let unanswered = 0;
for (const name of WORLDS) {
  t.test(`${name}: ${SCHEDULES} random schedules keep the laws`, async (t) => {
    t.comment(`from seed ${firstSeed}; replay one by: npm run sim -- --backend ${name} --seed <n>`);
    const world = await openWorld(name);
    t.teardown(() => world.end());
    const totals = await simulateMany(world, { firstSeed, count: SCHEDULES, jobs: JOBS });
    t.same(totals.failures, []);
    unanswered += totals.unanswered;
    t.ok(totals.undecided < SCHEDULES / 10 + 1, `${totals.undecided} tasks are undecided`);
  });
}

t.test('something went wrong in them', async (t) => {
  t.ok(unanswered > 0, `${unanswered} calls had no answer`);
});

class LastOneWins extends FaultyMemoryBackend {
  protected override _execute(namespace: string, command: Command): Promise<Reply> {
    const isCreate = command.kind === 'set-outcome' && command.mode === 'create';
    return super._execute(namespace, isCreate ? { ...command, mode: 'replace' } : command);
  }
}

class ConsumesTwice extends FaultyMemoryBackend {
  protected override async _execute(namespace: string, command: Command): Promise<Reply> {
    const entry =
      command.kind === 'consume' ? await super._read(namespace, command.taskId) : undefined;
    if (entry?.outcome === undefined) return super._execute(namespace, command);
    return { verdict: 'done', entry };
  }
}

class KeepsTheVersion extends FaultyMemoryBackend {
  protected override async _execute(namespace: string, command: Command): Promise<Reply> {
    if (command.kind !== 'expire') return super._execute(namespace, command);
    const before = await super._read(namespace, command.taskId);
    const reply = await super._execute(namespace, command);
    if (before === undefined || reply.entry === undefined) return reply;
    const { versionMs, versionRandom } = before;
    return { ...reply, entry: { ...reply.entry, versionMs, versionRandom } };
  }
}

class LosesProgress extends FaultyMemoryBackend {
  protected override async _read(
    namespace: string,
    taskId: string,
  ): Promise<TaskEntry | undefined> {
    const entry = await super._read(namespace, taskId);
    return entry?.outcome === undefined ? undefined : entry;
  }
}

class NotifiesSeldom extends FaultyMemoryBackend {
  protected override _subscribe(namespace: string, heard: Listener): Promise<Unsubscribe> {
    let count = 0;
    return super._subscribe(namespace, (notification) => {
      count += 1;
      if (count % 2 === 0) heard(notification);
    });
  }
}

class SkipsOneOfABatch extends FaultyMemoryBackend {
  protected override async _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    const replies = await super._executeMany(namespace, commands.slice(1));
    return [{ verdict: 'created', entry: undefined }, ...replies];
  }
}

class SwapsTwoAnswers extends FaultyMemoryBackend {
  protected override async _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    const [first, second, ...others] = await super._executeMany(namespace, commands);
    return second === undefined ? [first!] : [second, first!, ...others];
  }
}

class IgnoresConditionsInABatch extends FaultyMemoryBackend {
  protected override _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    const free = commands.map((command) => ({ ...command, conditions: {} }));
    return super._executeMany(namespace, free);
  }
}

class NotifiesOfNoBatch extends FaultyMemoryBackend {
  /** The random parts of the versions that batches have made. */
  readonly #unheard = new Set<string>();

  protected override _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    for (const command of commands) if ('random' in command) this.#unheard.add(command.random);
    return super._executeMany(namespace, commands);
  }

  protected override _subscribe(namespace: string, heard: Listener): Promise<Unsubscribe> {
    return super._subscribe(namespace, (notification) => {
      const version = 'version' in notification ? notification.version : undefined;
      const random = version?.split(/[-.]/)[1];
      if (random === undefined || !this.#unheard.has(random)) heard(notification);
    });
  }
}

for (const [mistake, Backend, finding] of [
  ["a later outcome takes the first one's place", LastOneWins, /no order of these calls/],
  ['what was consumed stays', ConsumesTwice, /was consumed twice/],
  ['a new expiry keeps the version', KeepsTheVersion, /stood for two contents/],
  ['acknowledged progress is not read', LosesProgress, /no order of these calls/],
  ['every other notification is lost', NotifiesSeldom, /is not answered/],
  ['a batch leaves out a write', SkipsOneOfABatch, /no order of these calls/],
  ['two answers of a batch are swapped', SwapsTwoAnswers, /no order of these calls/],
  ['a batch ignores conditions', IgnoresConditionsInABatch, /no order of these calls/],
  ['nobody is told of what a batch writes', NotifiesOfNoBatch, /is not answered/],
] as const) {
  t.test(`it finds that ${mistake}`, async (t) => {
    const world = memoryWorld(() => new Backend());
    const plan = {
      firstSeed,
      count: MOST_SCHEDULES,
      jobs: JOBS,
      stopsAtFailure: true,
      slackMs: 500,
    };
    const { failures } = await simulateMany(world, plan);
    t.match(failures.flatMap(({ broken }) => broken).join('\n'), finding);
  });
}
