/** The memory backend: two replicas of the service share it, and a restart of one is its hub's. */
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { ManyParts, TaskEntry } from '../../src/record/entry.js';
import type { Command, Reply } from '../../src/result-backend/commands.js';
import type { Listener, Unsubscribe } from '../../src/result-backend.js';
import { FaultSwitch, SWITCH_FAULTS } from './fault-switch.js';
import type { World } from './world.js';

export class FaultyMemoryBackend extends MemoryBackend {
  readonly faults = new FaultSwitch();

  protected override _read(namespace: string, taskId: string): Promise<TaskEntry | undefined> {
    return this.faults.call(() => super._read(namespace, taskId));
  }

  protected override _execute(namespace: string, command: Command): Promise<Reply> {
    return this.faults.call(() => super._execute(namespace, command));
  }

  protected override _readMany(
    namespace: string,
    taskIds: readonly string[],
    parts: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    return this.faults.call(() => super._readMany(namespace, taskIds, parts));
  }

  protected override _executeMany(
    namespace: string,
    commands: readonly Command[],
  ): Promise<Reply[]> {
    return this.faults.call(() => super._executeMany(namespace, commands));
  }

  protected override async _subscribe(namespace: string, heard: Listener): Promise<Unsubscribe> {
    const { listener, forget } = this.faults.listen(heard);
    const unsubscribe = await super._subscribe(namespace, listener);
    return async () => {
      forget();
      await unsubscribe();
    };
  }
}

/** `make` gives the backend; one that breaks a law on purpose shows that the law is watched. */
export function memoryWorld(make = () => new FaultyMemoryBackend()): World {
  return {
    name: 'memory',
    async arena() {
      const backend = make();
      await backend.startup();
      return {
        faults: SWITCH_FAULTS,
        replicas: 2,
        open: async () => backend,
        close: async () => {},
        begin: async (fault) => backend.faults.begin(fault),
        heal: async () => backend.faults.heal(),
        end: () => backend.shutdown(),
      };
    },
    end: async () => {},
  };
}
