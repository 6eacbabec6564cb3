/**
 * Faults for stores inside this process, put between the contract and a real store's primitives:
 * the store itself stays as it is. Every call is also given a little time before and after, so that
 * calls overlap as they do over a network.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { storeUnavailable } from '../../src/errors.js';
import type { Listener, Notification } from '../../src/result-backend.js';
import type { Faults } from './schedule.js';

/**
 * - `down`: calls fail, and change nothing. `answers lost`: they are carried out, and fail.
 * - `deaf`: notifications are lost, and at the end it is said so. `mute`: it is not said.
 * - `gone`: `down` and `deaf` at once.
 */
export const SWITCH_FAULTS: Faults = {
  told: ['deaf', 'restart'],
  untold: ['down', 'answers lost', 'mute', 'restart'],
};

export class FaultSwitch {
  readonly #listeners = new Set<Listener>();
  #fault: string | undefined;

  begin(fault: string): void {
    this.heal();
    this.#fault = fault;
  }

  heal(): void {
    const wasDeaf = this.#fault === 'deaf' || this.#fault === 'gone';
    this.#fault = undefined;
    if (wasDeaf) for (const listener of this.#listeners) listener({ lost: true });
  }

  async call<T>(carryOut: () => Promise<T>): Promise<T> {
    await this.#linger();
    if (this.#fault === 'down' || this.#fault === 'gone')
      throw storeUnavailable('the store is down for a while');
    const result = await carryOut();
    await this.#linger();
    if (this.#fault === 'answers lost') throw storeUnavailable('the answer was lost');
    return result;
  }

  /** The listener as the store may see it, and how to forget it. */
  listen(listener: Listener): { listener: Listener; forget: () => void } {
    this.#listeners.add(listener);
    return {
      listener: (notification: Notification) => {
        if (!['deaf', 'gone', 'mute'].includes(this.#fault ?? '')) listener(notification);
      },
      forget: () => this.#listeners.delete(listener),
    };
  }

  async #linger(): Promise<void> {
    for (let turns = Math.floor(Math.random() * 4); turns > 0; turns -= 1) await turn();
  }
}
