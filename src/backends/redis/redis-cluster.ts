/**
 * A Redis cluster: each command goes to the node that has its key's slot, over the same kind of
 * connection as to a single server.
 *
 * A command is sent again only where a node has refused it (MOVED, ASK, TRYAGAIN): it was not carried
 * out then. One that was cut off or timed out is not. This is not the client's own Cluster, since a
 * write and the WAIT behind it must go down one connection, and that one hides which it takes.
 */

import slotOf from 'cluster-key-slot';
import { storeUnavailable } from '../../errors.js';
import type { Listener, Unsubscribe } from '../../result-backend.js';
import { pause } from '../../timing.js';
import { redirectionIn, SlotMap } from './cluster-slots.js';
import type { RedisConnection } from './redis-connection.js';
import { addressText, wrapped } from './redis-errors.js';
import { type NodeOptions, RedisNode } from './redis-node.js';
import { RedisSubscriber } from './redis-subscriber.js';
import type { Address } from './redis-url.js';
import type { Argument } from './scripts.js';

const REFRESH_EVERY_MS = 5_000;
/** After a failure the map is asked for at most so often. */
const REFRESH_PAUSE_MS = 100;
const TRY_AGAIN_MS = 25;

interface Call {
  readonly method: 'send' | 'write';
  readonly name: string;
  readonly args: Argument[];
  readonly slot: number | undefined;
}

interface Target {
  readonly address: Address;
  readonly isAsked: boolean;
}

export class ClusterConnection implements RedisConnection {
  readonly takesAnyKeys = false;
  readonly #options: NodeOptions;
  readonly #subscriber: RedisSubscriber;
  readonly #nodes = new Map<string, RedisNode>();
  /** When a node that has no slot any more is closed: after the last command to it is over. */
  readonly #retired = new Map<string, number>();
  /** Whom a failed command had asked, for its message. */
  readonly #askedBy = new WeakMap<object, RedisNode>();
  #map = new SlotMap();
  #isOpen = false;
  #isRefreshSoon = false;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#subscriber = new RedisSubscriber({ ...options, locate: () => this.#anyNode() });
  }

  async open(): Promise<void> {
    this.#isOpen = true;
    try {
      await this.#refresh();
      const masters = [...this.#map.masters().values()].map((address) => this.#nodeAt(address));
      await Promise.all(masters.map((node) => node.started));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
    await this.#subscriber.close();
  }

  send(name: string, args: Argument[], near?: string): Promise<unknown> {
    const key = near ?? firstKeyOf(name, args);
    const slot = key === undefined ? undefined : slotOf(key);
    return this.#call({ method: 'send', name, args, slot });
  }

  write(name: string, args: Argument[]): Promise<unknown> {
    return this.#call({ method: 'write', name, args, slot: slotOf(firstKeyOf(name, args)!) });
  }

  probes(keyOf: (number: number) => string): readonly string[] {
    const missing = this.#map.masters();
    const keys: string[] = [];
    for (let number = 0; missing.size > 0 && number < 100_000; number += 1) {
      const key = keyOf(number);
      const master = this.#map.masterOf(slotOf(key));
      if (master !== undefined && missing.delete(addressText(master))) keys.push(key);
    }
    return keys;
  }

  wrap(error: unknown): Error {
    const node = typeof error === 'object' && error !== null ? this.#askedBy.get(error) : undefined;
    return node?.wrap(error) ?? wrapped(error, addressText(this.#options.settings.addresses[0]));
  }

  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#subscriber.subscribe(channel, namespace, listener);
  }

  async #call(call: Call): Promise<unknown> {
    const deadline = performance.now() + this.#options.timeoutMs;
    let target = this.#targetOf(call);
    for (let moves = 1; ; moves += 1) {
      const node = this.#nodeAt(target.address);
      try {
        // Nothing is awaited before it is sent where it can be: one turn's commands go out together.
        if (!node.isReady) await node.started;
        return await node[call.method](call.name, call.args, target.isAsked);
      } catch (error) {
        this.#askedBy.set(error as object, node);
        const next = this.#isOpen ? this.#next(error, call, target) : undefined;
        if (next === undefined) {
          this.#refreshSoon();
          throw error;
        }
        // Refused for now; or two nodes that do not agree yet send us to and fro.
        if (next === target || (moves > 2 && !next.isAsked)) {
          if (performance.now() > deadline) throw this.#undecided(error, call);
          await pause(TRY_AGAIN_MS * (1 + Math.random()));
        }
        target = next === target ? this.#targetOf(call) : next;
      }
    }
  }

  #undecided(error: unknown, { slot }: Call): unknown {
    if (isTryAgain(error)) return error;
    const said = `the nodes of the Redis cluster do not agree who has slot ${slot}: try again soon`;
    return storeUnavailable(said);
  }

  #targetOf({ slot }: Call): Target {
    const address = slot === undefined ? this.#anyNode() : this.#map.masterOf(slot);
    if (address !== undefined) return { address, isAsked: false };
    this.#refreshSoon();
    throw storeUnavailable(`no node of the Redis cluster has slot ${slot}: see CLUSTER SLOTS`);
  }

  /** Where a command that was refused belongs; the same target to ask again, undefined for nowhere. */
  #next(error: unknown, call: Call, target: Target): Target | undefined {
    if (isTryAgain(error)) return target;
    const redirection = redirectionIn(error, target.address);
    if (redirection === undefined || call.slot === undefined) return undefined;
    const { address, isAsk, slot } = redirection;
    if (!isAsk) {
      this.#map.move(slot, address);
      this.#refreshSoon();
    }
    return { address, isAsked: isAsk };
  }

  #nodeAt(address: Address): RedisNode {
    const text = addressText(address);
    if (this.#retired.size > 0) this.#retired.delete(text);
    let node = this.#nodes.get(text);
    if (node === undefined) {
      node = new RedisNode({ ...this.#options, locate: () => address });
      this.#nodes.set(text, node);
      node.start();
    }
    return node;
  }

  /** One of the nodes, replicas too; a master that answers where there is one. */
  #anyNode(): Address {
    const known = [...this.#map.nodes.values()];
    const ready = known.filter((address) => this.#nodes.get(addressText(address))?.isReady);
    const choice = ready.length > 0 ? ready : known;
    return choice[Math.floor(Math.random() * choice.length)] ?? this.#options.settings.addresses[0];
  }

  #refreshSoon(): void {
    if (this.#isRefreshSoon || this.#refreshing !== undefined || !this.#isOpen) return;
    this.#arm(REFRESH_PAUSE_MS);
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isOpen) return;
    this.#isRefreshSoon = delayMs === REFRESH_PAUSE_MS;
    this.#timer = setTimeout(() => {
      this.#isRefreshSoon = false;
      this.#refresh().catch(() => {});
    }, delayMs).unref();
  }

  async #refresh(): Promise<void> {
    this.#refreshing ??= this.#askForMap();
    try {
      await this.#refreshing;
      this.#refreshing = undefined;
      this.#arm(REFRESH_EVERY_MS);
    } catch (error) {
      this.#refreshing = undefined;
      this.#arm(REFRESH_PAUSE_MS);
      throw error;
    }
  }

  /** Asks the masters that answer; where none does, everyone that is known. The first map counts. */
  async #askForMap(): Promise<void> {
    const { settings } = this.#options;
    const masters = [...this.#map.masters().values()];
    const ready = masters.filter((address) => this.#nodeAt(address).isReady);
    const asked = ready.length > 0 ? ready : [...settings.addresses, ...this.#map.nodes.values()];
    try {
      this.#adopt(await Promise.any(asked.map((address) => this.#mapOf(address))));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
  }

  async #mapOf(address: Address): Promise<SlotMap> {
    const node = this.#nodeAt(address);
    if (!node.isReady) await node.started;
    let map: SlotMap;
    try {
      map = SlotMap.parse(await node.send('cluster', ['SLOTS']), address);
    } catch (error) {
      throw node.wrap(error);
    }
    if (map.masters().size > 0) return map;
    throw storeUnavailable(
      `Redis at ${addressText(address)}: its cluster has given out no slots yet`,
    );
  }

  #adopt(map: SlotMap): void {
    if (!this.#isOpen) return;
    this.#map = map;
    const masters = map.masters();
    for (const address of masters.values()) this.#nodeAt(address);
    const now = performance.now();
    for (const [text, node] of this.#nodes) {
      if (masters.has(text)) continue;
      const closesAt = this.#retired.get(text) ?? now + 2 * this.#options.timeoutMs;
      this.#retired.set(text, closesAt);
      if (now < closesAt) continue;
      node.close();
      this.#nodes.delete(text);
      this.#retired.delete(text);
    }
    const { address } = this.#subscriber;
    if (address !== undefined && !map.nodes.has(address)) this.#subscriber.renew();
  }
}

/** Undefined for a command without a key. */
function firstKeyOf(name: string, args: Argument[]): string | undefined {
  if (name.startsWith('eval')) return String(args[2]);
  return name === 'time' || name === 'config' ? undefined : String(args[0]);
}

function isTryAgain(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('TRYAGAIN');
}
