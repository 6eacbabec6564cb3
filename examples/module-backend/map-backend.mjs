/**
 * A result backend of one's own, on a store that can swap: `MapStore` stands for etcd, DynamoDB or
 * what you have. All rules (first wins, conditions, expiry, consume) and all retries are in the base
 * class. It serves as `--backend module:./map-backend.mjs`.
 */
import {
  CompareAndSwapBackend,
  decodeStored,
  encodeStored,
  ResultdError,
  storeUnavailable,
} from 'resultd';
import { MapStore } from './map-store.mjs';

/** @import { BrokerOptions, Listener, Load, Loaded, ResultBackendOptions } from 'resultd' */
/** @import { Swap, SwapResult, TaskKey, Unsubscribe } from 'resultd' */

/** What the broker calls. @param {string} _url @param {BrokerOptions} options */
export default function mapBackend(_url, options) {
  return new MapBackend(new MapStore(), options);
}

/** @extends {CompareAndSwapBackend<number>} */
export class MapBackend extends CompareAndSwapBackend {
  supports = { durable: false, shared: true, namespaces: true, listing: false };
  #store;

  constructor(/** @type {MapStore} */ store, /** @type {ResultBackendOptions} */ options) {
    super(options);
    this.#store = store;
  }

  async _startup() {
    await this._ping();
  }

  async _shutdown() {}

  async _ping() {
    await this.#store.get('').catch(unavailable);
  }

  /** @param {readonly Load[]} loads */
  async _load(loads) {
    return Promise.all(loads.map((load) => this.#load(load).catch(asError)));
  }

  /** @param {readonly Swap<number>[]} swaps */
  async _swap(swaps) {
    return Promise.all(swaps.map((swap) => this.#swap(swap).catch(asError)));
  }

  /** @param {string} namespace @param {Listener} listener @returns {Promise<Unsubscribe>} */
  async _subscribe(namespace, listener) {
    return this.#store
      .subscribe((hint) => {
        if ('lost' in hint || hint.namespace === namespace) listener(hint);
      })
      .catch(unavailable);
  }

  /** @param {Load} load @returns {Promise<Loaded<number>>} */
  async #load(load) {
    const row = await this.#store.get(keyOf(load));
    if (row === undefined) return { entry: undefined, consumed: [], revision: undefined };
    return { ...decodeStored(row.value), revision: row.revision };
  }

  /** @param {Swap<number>} swap @returns {Promise<SwapResult>} */
  async #swap({ namespace, taskId, from, to, hint }) {
    const change = {
      value: to && encodeStored(to),
      expiresAt: to?.keepUntil ?? 0,
      hint: hint === undefined ? undefined : { namespace, taskId, version: hint },
    };
    const key = keyOf({ namespace, taskId });
    return (await this.#store.swap(key, from.revision, change)) ? 'won' : 'lost';
  }
}

function keyOf(/** @type {TaskKey} */ { namespace, taskId }) {
  return `${namespace}/${taskId}`;
}

/** What the store's client throws, as the error of one task. */
function asError(/** @type {any} */ error) {
  return error instanceof ResultdError ? error : storeUnavailable('the map failed', error);
}

/** @returns {never} */
function unavailable(/** @type {any} */ error) {
  throw asError(error);
}
