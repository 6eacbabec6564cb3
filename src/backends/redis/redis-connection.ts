/**
 * How the backend's logic reaches Redis: what differs between one server, a sentinel's and a
 * cluster. The logic names a command and its keys; where it goes is decided here.
 */
import type { Listener, Unsubscribe } from '../../result-backend.js';
import type { Argument } from './scripts.js';

export interface RedisConnection {
  /** Whether the keys of one command may be anywhere; else they must be of one bucket. */
  readonly takesAnyKeys: boolean;
  /** Throws `store-unavailable`, within the time-out, and leaves nothing open. */
  open(): Promise<void>;
  close(): Promise<void>;
  /**
   * Sends one command, once. Throws the client's error, within the time-out. It goes to where its
   * first key is, or `near`; one without either goes to any server.
   */
  send(name: string, args: Argument[], near?: string): Promise<unknown>;
  /** Likewise, and resolves when the write is as safe as the settings ask for. */
  write(name: string, args: Argument[]): Promise<unknown>;
  /** Keys out of a numbered row, one on each server that takes writes. */
  probes(keyOf: (number: number) => string): readonly string[];
  /** The client's error as `store-unavailable`. */
  wrap(error: unknown): Error;
  /** Resolves once the channel is live. Throws `store-unavailable`. */
  subscribe(channel: string, namespace: string, listener: Listener): Promise<Unsubscribe>;
}
