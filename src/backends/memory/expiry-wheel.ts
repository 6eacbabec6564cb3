/**
 * Which tasks expire when, in slots of 100 ms. A task whose expiry moves away stays in its slot
 * until that comes due, and is put into its new one then: so a task that is written again and again
 * costs nothing here. A tick looks only at the slots that have come due.
 */
import { NEVER } from '../../record/entry.js';

export const SLOT_MS = 100;

/** What the wheel keeps of an item, on the item itself. */
export interface Expiring {
  /** Epoch milliseconds, or `NEVER`. */
  expiresAt: number;
  /** The slot that it stands in; undefined where it stands in none. */
  wheelSlot: number | undefined;
}

export class ExpiryWheel<T extends Expiring> {
  readonly #slots = new Map<number, Set<T>>();
  #nextSlot: number;

  constructor(now: number) {
    this.#nextSlot = Math.floor(now / SLOT_MS);
  }

  /** Says that the item's `expiresAt` has been set. */
  update(item: T): void {
    if (item.expiresAt === NEVER) return;
    const slot = Math.max(Math.floor(item.expiresAt / SLOT_MS), this.#nextSlot);
    if (item.wheelSlot !== undefined) {
      if (item.wheelSlot <= slot) return;
      this.remove(item);
    }
    item.wheelSlot = slot;
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, new Set([item]));
    else items.add(item);
  }

  remove(item: T): void {
    if (item.wheelSlot === undefined) return;
    const items = this.#slots.get(item.wheelSlot);
    items?.delete(item);
    if (items?.size === 0) this.#slots.delete(item.wheelSlot);
    item.wheelSlot = undefined;
  }

  /** Takes out every item whose slot has passed, and which has expired. */
  *takeDue(now: number): Generator<T> {
    const current = Math.floor(now / SLOT_MS);
    while (this.#nextSlot < current) {
      const items = this.#slots.get(this.#nextSlot);
      this.#slots.delete(this.#nextSlot);
      this.#nextSlot += 1;
      if (items === undefined) continue;
      for (const item of items) {
        item.wheelSlot = undefined;
        if (item.expiresAt <= now) yield item;
        else this.update(item);
      }
    }
  }
}
