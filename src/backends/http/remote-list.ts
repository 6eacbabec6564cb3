/**
 * Lists of a remote resultd, for the contract's scans. A position between two tasks is a time and an
 * id; the service's own cursors are its own matter, and are followed within one scan only.
 */

import { isInScan, type Listed, type Scan, withinPage } from '../../record/listing.js';
import { timestamp } from '../../record/timestamp.js';
import type { RemoteAnswer, RemoteRequest } from './remote-connections.js';
import { pageOf } from './task-view.js';

const PAGE = 1_000;
/** The last millisecond that RFC 3339 can write. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The tasks of a scan, in order. */
export async function remoteList(
  scan: Scan,
  call: (request: RemoteRequest) => Promise<RemoteAnswer>,
): Promise<Listed[]> {
  const filters = filtersOf(scan);
  if (filters === undefined) return [];
  const found: Listed[] = [];
  let cursor: string | undefined;
  do {
    const parameters = new URLSearchParams(filters);
    // What stands at the position's own millisecond may have been listed already: a few more.
    const spare = scan.position === undefined || cursor !== undefined ? 0 : 8;
    parameters.set('limit', String(Math.min(PAGE, scan.limit - found.length + spare)));
    if (cursor !== undefined) parameters.set('cursor', cursor);
    const { body } = await call({
      method: 'GET',
      path: `/v1/tasks?${parameters}`,
      expected: [200],
    });
    const page = pageOf(body);
    found.push(...page.items.filter((listed) => isInScan(listed, scan)));
    cursor = page.nextCursor;
    // A page of the contract ends early where progress is large, and so can this.
  } while (cursor !== undefined && found.length < scan.limit && withinPage(found) === found);
  return found.slice(0, scan.limit);
}

/** The filters as parameters; undefined where nothing can be found. */
function filtersOf({ states, after, before, position }: Scan): URLSearchParams | undefined {
  const parameters = new URLSearchParams();
  for (const state of states ?? []) {
    // What is no state is shown of no task.
    if (state !== '' && state.length <= 64) parameters.append('state', state);
  }
  if (states !== undefined && parameters.size === 0) return undefined;
  const first = Math.floor(after);
  const last = Math.ceil(
    Math.min(before, position === undefined ? before : position.updatedAt + 1),
  );
  if (first >= LAST_MS || last <= 0) return undefined;
  if (first >= 0) parameters.set('updated_after', timestamp(first));
  if (last <= LAST_MS) parameters.set('updated_before', timestamp(last));
  return parameters;
}
