/** A listener that remembers what it heard, so that a test can wait for it instead of sleeping. */
import type { Listener, Notification } from '../../src/result-backend.js';
import { HANG_MS } from '../support/until.js';

export class Hearing {
  readonly heard: Notification[] = [];
  #wakes: (() => void)[] = [];

  readonly listener: Listener = (notification) => {
    this.heard.push(notification);
    for (const wake of this.#wakes.splice(0)) wake();
  };

  /** The versions heard of a task, in order; null for each removal. */
  of(taskId: string): (string | null)[] {
    return this.heard.flatMap((notification) =>
      'taskId' in notification && notification.taskId === taskId ? [notification.version] : [],
    );
  }

  /** Whether a task was heard of at this version. */
  has(taskId: string, version: string | null): boolean {
    return this.of(taskId).includes(version);
  }

  get lost(): boolean {
    return this.heard.some((notification) => 'lost' in notification);
  }

  /** Waits until a condition on what was heard holds; false past the deadline. */
  async until(condition: () => boolean, deadlineMs = HANG_MS): Promise<boolean> {
    const deadline = Date.now() + deadlineMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wakes.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }
}
