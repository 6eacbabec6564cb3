/**
 * Who listens to the changes of which namespace: the hints of every store go through one of these,
 * whether it tells of its own writes or of everybody's.
 */
import { type TaskEntry, versionOf } from '../record/entry.js';
import type { Listener, Unsubscribe } from './types.js';

export class Listeners {
  readonly #byNamespace = new Map<string, Set<Listener>>();

  get isEmpty(): boolean {
    return this.#byNamespace.size === 0;
  }

  has(namespace: string): boolean {
    return this.#byNamespace.has(namespace);
  }

  add(namespace: string, listener: Listener): Unsubscribe {
    const listeners = this.#byNamespace.get(namespace) ?? new Set();
    this.#byNamespace.set(namespace, listeners.add(listener));
    return async () => {
      const isLast = listeners.delete(listener) && listeners.size === 0;
      if (isLast && this.#byNamespace.get(namespace) === listeners) {
        this.#byNamespace.delete(namespace);
      }
    };
  }

  /** Tells of a write that left this entry, or nothing. */
  changed(namespace: string, taskId: string, entry: TaskEntry | null | undefined): void {
    if (!this.has(namespace)) return;
    this.tell(namespace, taskId, entry ? versionOf(entry) : null);
  }

  tell(namespace: string, taskId: string, version: string | null): void {
    const listeners = this.#byNamespace.get(namespace);
    if (listeners === undefined) return;
    for (const listener of listeners) listener({ namespace, taskId, version });
  }

  /** Tells everybody that hints may have been missed. */
  lose(): void {
    for (const listeners of this.#byNamespace.values()) {
      for (const listener of listeners) listener({ lost: true });
    }
  }

  clear(): void {
    this.#byNamespace.clear();
  }
}
