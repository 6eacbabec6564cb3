/** Which node of a cluster has which slot: the map that a node gives out, and what corrects it. */

import { addressText } from './redis-errors.js';
import type { Address } from './redis-url.js';

const SLOTS = 16_384;

export class SlotMap {
  readonly #masters: (Address | undefined)[] = new Array(SLOTS).fill(undefined);
  /** All nodes, replicas too, by their text. */
  readonly nodes = new Map<string, Address>();

  /** The node that has a slot; undefined where none does. */
  masterOf(slot: number): Address | undefined {
    return this.#masters[slot];
  }

  /** Every node that has a slot, by its text. */
  masters(): Map<string, Address> {
    const masters = new Map<string, Address>();
    for (const master of new Set(this.#masters)) {
      if (master !== undefined) masters.set(addressText(master), master);
    }
    return masters;
  }

  /** A node said that this one has the slot now. */
  move(slot: number, address: Address): void {
    this.#masters[slot] = address;
    this.nodes.set(addressText(address), address);
  }

  /** The map out of a reply to CLUSTER SLOTS. A node without a name is the one that was `asked`. */
  static parse(reply: unknown, asked: Address): SlotMap {
    const map = new SlotMap();
    for (const [first, last, ...nodes] of reply as [
      number,
      number,
      ...[Buffer | null, number][],
    ][]) {
      for (const [index, [name, port]] of nodes.entries()) {
        const host = String(name ?? '');
        const address = { host: host === '' || host === '?' ? asked.host : host, port };
        map.nodes.set(addressText(address), address);
        if (index === 0) map.#masters.fill(address, first, last + 1);
      }
    }
    return map;
  }
}

/** Where a node sends us instead of answering. */
interface Redirection {
  readonly isAsk: boolean;
  readonly slot: number;
  readonly address: Address;
}

/** Undefined where the error is none. The command was not carried out then. */
export function redirectionIn(error: unknown, asked: Address): Redirection | undefined {
  if (!(error instanceof Error)) return undefined;
  const match = /^(MOVED|ASK) (\d+) (\S*):(\d+)$/.exec(error.message);
  if (match === null) return undefined;
  const host = match[3] === '' || match[3] === '?' ? asked.host : match[3]!;
  return {
    isAsk: match[1] === 'ASK',
    slot: Number(match[2]),
    address: { host, port: Number(match[4]) },
  };
}
