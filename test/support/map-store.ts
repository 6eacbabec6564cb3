/**
 * The worked example of a store that can swap, as a test needs it: with calls that overlap, swaps
 * that lose for no reason, and times when it is down.
 */
import { pathToFileURL } from 'node:url';
import type { CompareAndSwapBackend } from '../../src/result-backend/compare-and-swap.js';
import type {
  Listener,
  Notification,
  ResultBackendOptions,
  Unsubscribe,
} from '../../src/result-backend.js';
import type { Random } from '../conformance/random.js';
import { FaultSwitch } from '../simulation/fault-switch.js';
import { ROOT } from './markdown.js';

export interface Row {
  readonly value: Buffer;
  readonly expiresAt: number;
  readonly revision: number;
}

interface Change {
  readonly value: Buffer | undefined;
  readonly expiresAt: number;
  readonly hint: Notification | undefined;
}

declare class MapStoreShape {
  readonly rows: Map<string, Row>;
  get(key: string): Promise<Row | undefined>;
  swap(key: string, from: number | undefined, change: Change): Promise<boolean>;
  subscribe(listener: Listener): Promise<Unsubscribe>;
}

type MapBackendClass = new (
  store: MapStoreShape,
  options?: ResultBackendOptions,
) => CompareAndSwapBackend<number>;

const example = (file: string): Promise<unknown> =>
  import(pathToFileURL(`${ROOT}examples/module-backend/${file}`).href);

export const { MapStore } = (await example('map-store.mjs')) as { MapStore: typeof MapStoreShape };
export const { MapBackend } = (await example('map-backend.mjs')) as { MapBackend: MapBackendClass };

/** One swap in so many loses though the task is at its revision. */
const LOSES_EVERY = 4;

export class TroubledStore extends MapStore {
  readonly faults = new FaultSwitch();
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  override get(key: string): Promise<Row | undefined> {
    return this.faults.call(() => super.get(key));
  }

  override swap(key: string, from: number | undefined, change: Change): Promise<boolean> {
    return this.faults.call(async () => {
      if (this.#random.below(LOSES_EVERY) === 0) return false;
      return super.swap(key, from, change);
    });
  }

  override async subscribe(heard: Listener): Promise<Unsubscribe> {
    await this.get('');
    const { listener, forget } = this.faults.listen(heard);
    const unsubscribe = await super.subscribe(listener);
    return async () => {
      forget();
      await unsubscribe();
    };
  }
}
