/**
 * `resultd`: what tasks and workers need on any backend, and what a backend of one's own is made of.
 *
 * Beside the broker that knows every backend it has all that `resultd/client` has.
 */

export { Broker, type BrokerOptions } from './broker.js';
export * from './client.js';
export { invalidParameter, overloaded, storeUnavailable, unsupported } from './errors.js';
export {
  entryExpiresAt,
  HEAD_ONLY,
  liveEntry,
  type ManyParts,
  type Parts,
  stateOf,
  type TaskEntry,
  versionOf,
  WITH_BODY,
  WITH_LOG,
} from './record/entry.js';
export { decodeHead, encodeHead } from './record/head.js';
export {
  compareListed,
  countAll,
  type Listed,
  type Scan,
  type StateCounts,
  scanAll,
} from './record/listing.js';
export type { Outcome, OutcomeInfo } from './record/outcome.js';
export {
  type Command,
  type Conditions,
  type ConsumeCommand,
  type DeleteCommand,
  type ExpireCommand,
  REPLAY_MS,
  type Reply,
  type SetOutcomeCommand,
  type SetProgressCommand,
  type Verdict,
} from './result-backend/commands.js';
export {
  CompareAndSwapBackend,
  type CompareAndSwapLimits,
  type Kept,
  type Load,
  type Loaded,
  type Swap,
  type SwapResult,
  type TaskKey,
} from './result-backend/compare-and-swap.js';
export { type Consumed, type Decision, decide, type Stored } from './result-backend/decide.js';
export { decodeStored, encodeStored } from './result-backend/stored-value.js';
export { ResultBackend } from './result-backend.js';
