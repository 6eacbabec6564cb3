/**
 * Keeps the garbage collector's pauses short where many waiters are parked.
 *
 * A collection of the young generation copies whatever in it is alive, and a parked waiter is: some
 * 7 KB of request, reply and socket. V8 lets that generation grow to 16 MiB, which is the waiters of
 * two thousand requests copied in one pause of tens of milliseconds, and everybody waits for it.
 * While it stays at its first size, 1 MiB, a pause copies at most that.
 */
import { setFlagsFromString } from 'node:v8';

/** For this whole process, from now on: call it first, before the young generation has grown. */
export function keepPausesShort(): void {
  // V8 looks at this flag only when it is about to let that generation grow.
  setFlagsFromString('--semi-space-growth-factor=1');
}
