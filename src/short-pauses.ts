/**
 * Keeps the garbage collector's pauses short where many waiters are parked.
 *
 * A collection of the young generation copies whatever in it is alive, and a parked waiter is: some
 * 7 KB of request, reply and socket. V8 lets a half of that generation grow to 16 MiB, two thousand
 * waiters copied in one pause of tens of milliseconds, for which everybody waits. Halves of 2 MiB
 * make pauses of a millisecond or two, and cost requests next to nothing; 1 MiB would cost them more.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves, in bytes. */
const YOUNG_BYTES = 4 * 1_024 * 1_024;
/** Far more objects than it takes to fill that, in case V8 was told to keep it smaller. */
const MOST_OBJECTS = 500_000;

/** For this whole process, from now on: call it before the young generation has grown larger. */
export function keepPausesShort(): void {
  const alive: object[] = [];
  // It grows while what is in it stays alive, and only then.
  while (youngBytes() < YOUNG_BYTES && alive.length < MOST_OBJECTS) {
    for (let count = 0; count < 1_000; count += 1) alive.push({ count });
  }
  // V8 looks at this flag only when it is about to let that generation grow.
  setFlagsFromString('--semi-space-growth-factor=1');
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')!.space_size;
}
