/**
 * What the conformance suite needs of a backend under test. A backend's own test file is one of
 * these and a call of the suite.
 */
import type { ResultBackend, ResultBackendOptions } from '../../src/result-backend.js';

/** A store that is not in this process is waited for so long, and no longer. */
export type CreateOptions = ResultBackendOptions & { readonly storeTimeoutMs?: number };

/** One fresh, empty store, and the means to open backends on it and to disturb it. */
export interface Fixture {
  /** A backend on this store, not started. Where the store is shared, several may be open. */
  create(options?: CreateOptions): ResultBackend;
  /** How many tasks are physically there, expired ones included. */
  countStored(): Promise<number>;
  /** Makes the store unreachable and reachable again; undefined where that cannot happen. */
  readonly outage?: Disturbance;
  /** Makes the store silent, with its connections open; undefined where that cannot happen. */
  readonly freeze?: Disturbance;
  /** Takes the store down. Every backend is shut down by then. */
  close(): Promise<void>;
}

export interface Disturbance {
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** A test of the suite that does not hold for this backend, and why. */
export interface Deviation {
  /** The test's full name. One that matches no test fails. */
  readonly test: string;
  readonly reason: string;
}

export interface Factory {
  readonly name: string;
  /** An empty store. One that is disturbed is taken away or frozen, and others must not feel it. */
  open(isDisturbed: boolean): Promise<Fixture>;
  /** All stores are on one server, so that an outage of one is one of all. Default: false. */
  readonly isShared?: boolean;
  readonly deviations?: readonly Deviation[];
}
