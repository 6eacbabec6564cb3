/**
 * Waiting in tests. What is waited for is an event; the limit is one that only a hang reaches, however
 * busy the machine is, so that no test fails because others use it.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Where a wait is given up: nothing that works takes so long, on any machine. */
export const HANG_MS = 240_000;

/** Polls until it holds. Only a condition that nothing announces needs it. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + HANG_MS;
  for (let pauseMs = 1; !(await holds()); pauseMs = Math.min(2 * pauseMs, 64)) {
    if (performance.now() > deadline) throw new Error(`it hangs: never ${what}`);
    await pause(pauseMs);
  }
}
