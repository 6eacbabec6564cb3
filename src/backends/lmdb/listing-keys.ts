/**
 * The keys of the index of tasks, and the classes that it is parted by.
 *
 * A key is `<namespace> NUL <class> <time> <id>`: class is a digit, the place of the counted state in
 * `STATE_CLASSES`; time is the last write in six bytes, counted down from `LATEST`, so that keys of one
 * class sort as lists do. What follows the class is called the place of a task: places of all classes
 * sort together.
 */

/** The latest time that there is a place for: 48 bits of milliseconds, in the year 10889. */
const LATEST = 2 ** 48 - 1;
const TIME_LENGTH = 6;
const time = Buffer.allocUnsafe(TIME_LENGTH);

/** Lower places are listed first. Times past either end stand at it. */
export function placeOf(updatedAt: number, taskId: string): string {
  time.writeUIntBE(LATEST - Math.min(Math.max(updatedAt, 0), LATEST), 0, TIME_LENGTH);
  return time.toString('latin1') + taskId;
}

export function taskIdAt(place: string): string {
  return place.slice(TIME_LENGTH);
}

export function listingKey(namespace: string, stateClass: string, place: string): string {
  return `${namespace}\0${stateClass}${place}`;
}

/** Where the place starts in a key of this namespace. */
export function placeStart(namespace: string): number {
  return namespace.length + 2;
}
