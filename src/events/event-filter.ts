/** Which events a reader wants: of these tasks, in these states. Readers of one filter share bytes. */
import type { TaskEvent } from './event-log.js';

export class EventFilter {
  /** Equal for filters that let the same through. */
  readonly key: string;
  readonly #taskIds: ReadonlySet<string> | undefined;
  readonly #states: ReadonlySet<string> | undefined;

  /** What is empty does not filter. */
  constructor(taskIds: readonly string[] = [], states: readonly string[] = []) {
    this.#taskIds = taskIds.length === 0 ? undefined : new Set(taskIds);
    this.#states = states.length === 0 ? undefined : new Set(states);
    const parts = [this.#taskIds, this.#states].map((set) => [...(set ?? [])].sort());
    this.key = JSON.stringify(parts);
  }

  /** A task that has gone has no state: that is told whatever states are asked for. */
  accepts({ taskId, state }: TaskEvent): boolean {
    if (this.#taskIds !== undefined && !this.#taskIds.has(taskId)) return false;
    return this.#states === undefined || state === undefined || this.#states.has(state);
  }

  /** What it lets through of the events of some tasks, one for each task, in their order. */
  select(events: ReadonlyMap<string, TaskEvent>): TaskEvent[] {
    if (this.#taskIds === undefined || this.#taskIds.size >= events.size) {
      return [...events.values()].filter((event) => this.accepts(event));
    }
    const found: TaskEvent[] = [];
    for (const taskId of this.#taskIds) {
      const event = events.get(taskId);
      if (event !== undefined && this.accepts(event)) found.push(event);
    }
    return found.sort((a, b) => a.seq - b.seq);
  }
}
