/** What a simulation needs of a store: arenas to run schedules in, and what can go wrong there. */
import type { ResultBackend } from '../../src/result-backend.js';
import type { Faults, Limits } from './schedule.js';

/** One schedule's own part of the store. */
export interface Arena {
  readonly faults: Faults;
  /** How many replicas of the service there are. */
  readonly replicas: number;
  /** Whether the backend makes a call again by itself, where its answer is lost. Default: false. */
  readonly isRepeating?: boolean;
  /** The backend of one replica, started. May throw while something is wrong. */
  open(limits: Limits): Promise<ResultBackend>;
  /** Ends what `open` gave. */
  close(backend: ResultBackend): Promise<void>;
  begin(fault: string): Promise<void>;
  /** Ends every fault. */
  heal(): Promise<void>;
  /** Every backend is closed by then. */
  end(): Promise<void>;
}

export interface World {
  readonly name: string;
  arena(seed: number): Promise<Arena>;
  end(): Promise<void>;
}
