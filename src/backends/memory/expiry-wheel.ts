/**
 * Which tasks expire when, in slots of 100 ms. Adding, moving and removing cost one set operation
 * each; a tick looks only at the slots that have come due. Nothing outlives the task it stands for.
 */
import { NEVER } from '../../task-entry.js';

export const SLOT_MS = 100;

export class ExpiryWheel<T> {
  readonly #slots = new Map<number, Set<T>>();
  #nextSlot: number;

  constructor(now: number) {
    this.#nextSlot = Math.floor(now / SLOT_MS);
  }

  /** `expiresAt` in epoch milliseconds. An item that never expires is not kept. */
  add(item: T, expiresAt: number): void {
    if (expiresAt === NEVER) return;
    const slot = this.#slotOf(expiresAt);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, new Set([item]));
    else items.add(item);
  }

  remove(item: T, expiresAt: number): void {
    if (expiresAt === NEVER) return;
    for (const slot of [this.#slotOf(expiresAt), this.#nextSlot]) {
      const items = this.#slots.get(slot);
      if (items?.delete(item) !== true) continue;
      if (items.size === 0) this.#slots.delete(slot);
      return;
    }
  }

  /** Takes out every item whose slot has passed. */
  *takeDue(now: number): Generator<T> {
    const current = Math.floor(now / SLOT_MS);
    while (this.#nextSlot < current) {
      const items = this.#slots.get(this.#nextSlot);
      this.#slots.delete(this.#nextSlot);
      this.#nextSlot += 1;
      if (items !== undefined) yield* items;
    }
  }

  /** Its slot; a time that has been passed already comes due with the next tick. */
  #slotOf(expiresAt: number): number {
    return Math.max(Math.floor(expiresAt / SLOT_MS), this.#nextSlot);
  }
}
