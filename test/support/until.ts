/** Waits for a condition that no event tells of. */
import { setTimeout as pause } from 'node:timers/promises';

/** Resolves when the condition holds; rejects, naming it, where it does not within the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it does not come true: ${what}`);
    await pause(20);
  }
}
