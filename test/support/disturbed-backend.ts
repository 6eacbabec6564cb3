/**
 * A backend to test the hubs on: the memory backend, with reads that can be counted, held and
 * failed, and hints that can be lost.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { storeUnavailable } from '../../src/errors.js';
import type { TaskEntry } from '../../src/record/entry.js';
import type { Listener, Unsubscribe } from '../../src/result-backend.js';

export class DisturbedBackend extends MemoryBackend {
  reads = 0;
  batches = 0;
  isFailing = false;
  isDeaf = false;
  /** How long each read takes, in milliseconds. */
  delayMs = 0;
  #held: (() => void)[] | undefined;
  #listeners = new Set<Listener>();

  /** From now on, reads have found what they answer, but do not come back. */
  hold(): void {
    this.#held = [];
  }

  get heldReads(): number {
    return this.#held?.length ?? 0;
  }

  /** Lets the held reads come back, and the later ones at once. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const resume of held) resume();
  }

  lose(): void {
    for (const listener of this.#listeners) listener({ lost: true });
  }

  hint(taskId: string): void {
    for (const listener of this.#listeners) {
      listener({ namespace: 'default', taskId, version: null });
    }
  }

  protected override async _read(namespace: string, taskId: string) {
    this.reads += 1;
    if (this.isFailing) throw storeUnavailable('the store is down');
    const found = await super._read(namespace, taskId);
    if (this.delayMs > 0) await pause(this.delayMs);
    const held = this.#held;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    return found;
  }

  protected override async _readMany(
    namespace: string,
    taskIds: readonly string[],
  ): Promise<(TaskEntry | undefined)[]> {
    this.batches += 1;
    if (this.isFailing) throw storeUnavailable('the store is down');
    return Promise.all(taskIds.map((taskId) => super._read(namespace, taskId)));
  }

  protected override async _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    const hear: Listener = (notification) => {
      if (!this.isDeaf) listener(notification);
    };
    this.#listeners.add(listener);
    const unsubscribe = await super._subscribe(namespace, hear);
    return async () => {
      this.#listeners.delete(listener);
      await unsubscribe();
    };
  }
}
