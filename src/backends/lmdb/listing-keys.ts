/**
 * The keys of the index of tasks, and the classes that it is parted by.
 *
 * A key is `<namespace> NUL <class> <time> <id>`: class is a digit, the place of the counted state in
 * `CLASSES`; time is the last write in six bytes, counted down from `LATEST`, so that keys of one
 * class sort as lists do. What follows the class is called the place of a task: places of all classes
 * sort together.
 */

import { stateOf, type TaskEntry } from '../../record/entry.js';
import { COUNTED_STATES, type CountedState, countedStateOf } from '../../record/listing.js';

/** Their order is part of the layout: changing it needs a new format number. */
export const CLASSES: readonly CountedState[] = [...COUNTED_STATES, 'other'];
const SUCCESS = String(CLASSES.indexOf('SUCCESS'));
const FAILURE = String(CLASSES.indexOf('FAILURE'));

/** The latest time that there is a place for: 48 bits of milliseconds, in the year 10889. */
const LATEST = 2 ** 48 - 1;
const TIME_LENGTH = 6;
const time = Buffer.allocUnsafe(TIME_LENGTH);

/** The class of an entry, as a digit. */
export function classOf(entry: TaskEntry): string {
  if (entry.outcome !== undefined) return entry.outcome.isErr ? FAILURE : SUCCESS;
  return classOfState(stateOf(entry));
}

/** The class that tasks of this state are in. */
export function classOfState(state: string): string {
  return String(CLASSES.indexOf(countedStateOf(state)));
}

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
