/** Polls until it holds, for 20 s at the most. Only a condition that nothing announces needs it. */
import { setTimeout as pause } from 'node:timers/promises';

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it took too long until ${what}`);
    await pause(10);
  }
}
