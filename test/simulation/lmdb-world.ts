/** The LMDB backend, on a file of each schedule's own; a restart closes it and opens it again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import type { Parts, TaskEntry } from '../../src/record/entry.js';
import type { Command, Reply } from '../../src/result-backend/commands.js';
import type { Listener, Unsubscribe } from '../../src/result-backend.js';
import { FaultSwitch, SWITCH_FAULTS } from './fault-switch.js';
import type { World } from './world.js';

class FaultyLmdbBackend extends LmdbBackend {
  readonly #faults: FaultSwitch;

  constructor(directory: string, faults: FaultSwitch) {
    super({ directory });
    this.#faults = faults;
  }

  protected override _read(
    namespace: string,
    taskId: string,
    parts: Parts,
  ): Promise<TaskEntry | undefined> {
    return this.#faults.call(() => super._read(namespace, taskId, parts));
  }

  protected override _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: Parts,
  ): Promise<(TaskEntry | undefined)[]> {
    return this.#faults.call(() => super._readMany(namespace, taskIds, parts));
  }

  protected override _execute(namespace: string, command: Command): Promise<Reply> {
    return this.#faults.call(() => super._execute(namespace, command));
  }

  protected override _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<readonly (Reply | Error)[]> {
    return this.#faults.call(() => super._executeMany(namespace, commands));
  }

  protected override async _subscribe(namespace: string, heard: Listener): Promise<Unsubscribe> {
    const { listener, forget } = this.#faults.listen(heard);
    const unsubscribe = await super._subscribe(namespace, listener);
    return async () => {
      forget();
      await unsubscribe();
    };
  }
}

export async function lmdbWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), 'resultd-simulation-'));
  return {
    name: 'lmdb',
    async arena(seed) {
      const directory = await mkdtemp(join(root, `${seed}-`));
      const faults = new FaultSwitch();
      return {
        faults: SWITCH_FAULTS,
        // One process owns the file.
        replicas: 1,
        async open() {
          const backend = new FaultyLmdbBackend(directory, faults);
          await backend.startup();
          return backend;
        },
        close: (backend) => backend.shutdown(),
        begin: async (fault) => faults.begin(fault),
        heal: async () => faults.heal(),
        end: () => rm(directory, { recursive: true }),
      };
    },
    end: () => rm(root, { recursive: true, force: true }),
  };
}
