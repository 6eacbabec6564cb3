/** What the tests of lists and counts share: empty stores, whole traversals, and what reads say. */
import type { Test } from 'tap';
import { type CountedState, countedStateOf, noCounts } from '../../src/record/listing.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { ListQuery, ResultBackend } from '../../src/result-backend.js';
import type { Context } from './topic.js';

let spaces = 0;

/** A started backend that holds no task: a namespace of its own, or a store. */
export async function emptyBackend(t: Test, context: Context): Promise<ResultBackend> {
  const { backend } = context;
  if (backend.supports.namespaces) {
    spaces += 1;
    return backend.namespace(`listing-${spaces}`);
  }
  return (await context.freshStore(t)).start();
}

/** All pages, one after another; `beside` runs beside the reading of each. All but the last are full. */
export async function traverse(
  t: Test,
  backend: ResultBackend,
  query: ListQuery = {},
  beside?: () => Promise<unknown>,
): Promise<TaskSnapshot[]> {
  const items: TaskSnapshot[] = [];
  const cursors = new Set<string | undefined>();
  let cursor: string | undefined;
  do {
    if (cursors.has(cursor)) {
      t.fail(`the cursor ${cursor} came twice`);
      break;
    }
    cursors.add(cursor);
    const [page] = await Promise.all([backend.list({ ...query, cursor }), beside?.()]);
    items.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined || page.items.length === (query.limit ?? 100)) continue;
    t.fail(`a page of ${page.items.length} before the last, with limit ${query.limit}`);
  } while (cursor !== undefined);
  return items;
}

export function idsOf(items: Iterable<TaskSnapshot>): string[] {
  return Array.from(items, ({ taskId }) => taskId);
}

/** In the order of lists. */
export function inOrder(tasks: readonly TaskSnapshot[]): TaskSnapshot[] {
  return tasks.toSorted((a, b) => b.updatedAt - a.updatedAt || (a.taskId < b.taskId ? -1 : 1));
}

export function isInOrder(tasks: readonly TaskSnapshot[]): boolean {
  return inOrder(tasks).every((task, at) => task === tasks[at]);
}

/**
 * Expects list and counts to say what reads of these tasks say, which are all that there are. No
 * one writes meanwhile, and nothing expires.
 */
export async function agrees(
  t: Test,
  backend: ResultBackend,
  taskIds: readonly string[],
  message: string,
): Promise<void> {
  const read = await backend.getMany([...new Set(taskIds)]);
  const known = inOrder(read.filter((task) => task !== undefined));
  const views = (tasks: readonly TaskSnapshot[]) => tasks.map((task) => task.toStatusView());
  const listed = await traverse(t, backend, { limit: 37 });
  t.same(views(listed), views(known), `${message}: the list is what reads say`);
  for (const state of new Set(known.map((task) => task.state))) {
    const some = await traverse(t, backend, { states: [state] });
    const wanted = known.filter((task) => task.state === state);
    t.same(idsOf(some), idsOf(wanted), `${message}: the list of ${state}`);
  }
  const states: Record<CountedState, number> = noCounts();
  for (const task of known) states[countedStateOf(task.state)] += 1;
  const counts = await backend.count();
  t.same(counts, { total: known.length, states }, `${message}: the counts`);
}
