/** One task on one line, as `watch`, `list` and `status` print it into a pipe. */
import type { TaskSnapshot } from '../record/snapshot.js';
import { advanceOf, percentOf } from './progress-bar.js';

/** A task, and why it failed, where that was read. */
export interface ShownTask {
  readonly snapshot: TaskSnapshot;
  readonly why: string | undefined;
}

/** Time of the last change, id, state, and progress or why it failed, with tabs between them. */
export function plainLine({ snapshot, why }: ShownTask): string {
  const { taskId, state, updatedAt } = snapshot;
  return `${new Date(updatedAt).toISOString()}\t${taskId}\t${state}\t${why ?? progressOf(snapshot)}\n`;
}

function progressOf(snapshot: TaskSnapshot): string {
  if (snapshot.ready) return '';
  const { fraction, text } = advanceOf(snapshot);
  const percent = fraction === undefined ? '' : percentOf(fraction);
  return [percent, text].filter((part) => part !== '').join(' ');
}

/** The status view; a line break in it is white space between values, which a line cannot hold. */
export function jsonLine({ snapshot }: ShownTask): string {
  return `${snapshot.toStatusView().replace(/[\r\n]/g, ' ')}\n`;
}
