/**
 * Who is measured under load: ours and bare servers on each store, started afresh for each round
 * with nothing stored but the tasks that a GET chooses from.
 */
import { OUTCOME, READY_TASKS, readyTaskId, resultPath } from './sample.js';
import { freshDirectory, HttpServer, removeDirectory, type Store } from './servers.js';
import { isServed, StoreServer } from './store-servers.js';

export interface Contestant {
  /** Added to the store's URL; ours alone. */
  readonly query?: string;
  readonly who: 'ours' | 'bare';
  readonly store: Store;
}

/** A contestant that is up. */
export interface Running {
  readonly server: HttpServer;
  /** Undefined where the store has none. */
  readonly storeServer: StoreServer | undefined;
  stop(): Promise<void>;
}

/** Starts one; `isFilled` says whether it needs the ready tasks. */
export async function startContestant(
  { who, store, query = '' }: Contestant,
  isFilled: boolean,
): Promise<Running> {
  const ends: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.reverse()) await end();
  };
  try {
    let place = '';
    let storeServer: StoreServer | undefined;
    if (isServed(store)) {
      storeServer = await StoreServer.start(store);
      place = storeServer.url;
      ends.push(() => storeServer!.stop());
    } else if (store === 'lmdb') {
      place = await freshDirectory();
      ends.push(() => removeDirectory(place));
    }
    const server = await (who === 'bare'
      ? HttpServer.bare(store, place)
      : HttpServer.ours(isServed(store) ? `${place}${query}` : `${store}:${place}`));
    ends.push(() => server.stop());
    if (isFilled && who === 'ours') await fill(server.url);
    return { server, storeServer, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Bare servers fill their stores themselves. */
async function fill(url: string): Promise<void> {
  const ids = Array.from({ length: READY_TASKS }, (_, at) => readyTaskId(at));
  while (ids.length > 0) {
    await Promise.all(ids.splice(0, 50).map((id) => put(url + resultPath(id))));
  }
}

async function put(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'PUT', headers, body: OUTCOME });
  if (answer.status !== 201) throw new Error(`PUT ${url} answered ${answer.status}`);
  await answer.arrayBuffer();
}
