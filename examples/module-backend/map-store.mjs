/**
 * Stands for a store that can swap: each key has a value, a revision and an expiry, and is written
 * only on the condition that it is still at a given revision. Yours is elsewhere, behind a client.
 */

/** @import { Listener, Notification } from 'resultd' */
/** @typedef {{ value: Buffer, expiresAt: number, revision: number }} Row */
/** @typedef {{ value: Buffer | undefined, expiresAt: number, hint: Notification | undefined }} Change */

const PURGE_EVERY_MS = 250;

export class MapStore {
  /** @type {Map<string, Row>} */ rows = new Map();
  /** @type {Set<Listener>} */ #listeners = new Set();
  #revision = 0;

  constructor() {
    setInterval(() => this.#purge(), PURGE_EVERY_MS).unref();
  }

  /** @param {string} key @returns {Promise<Row | undefined>} */
  async get(key) {
    return this.rows.get(key);
  }

  /**
   * Puts a value in place of the one at `from` (undefined: where there is none), or removes that,
   * and publishes the hint. False where the key is at another revision.
   * @param {string} key @param {number | undefined} from @param {Change} change
   */
  async swap(key, from, { value, expiresAt, hint }) {
    if (this.rows.get(key)?.revision !== from) return false;
    this.#revision += 1;
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, { value, expiresAt, revision: this.#revision });
    if (hint !== undefined) for (const listener of this.#listeners) listener(hint);
    return true;
  }

  /** Gives back what ends it. @param {Listener} listener */
  async subscribe(listener) {
    this.#listeners.add(listener);
    return async () => void this.#listeners.delete(listener);
  }

  #purge() {
    for (const [key, { expiresAt }] of this.rows) {
      if (expiresAt <= Date.now()) this.rows.delete(key);
    }
  }
}
