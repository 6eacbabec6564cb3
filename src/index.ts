/**
 * `resultd`: what tasks and workers need on any backend, and what a backend of one's own is made of.
 *
 * Beside the broker that knows every backend it has all that `resultd/client` has.
 */

export { Broker, type BrokerOptions } from './broker.js';
export * from './client.js';
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
} from './commands.js';
export { type Consumed, type Decision, decide, type Stored } from './decide.js';
export { invalidParameter, overloaded, storeUnavailable, unsupported } from './errors.js';
export {
  compareListed,
  countAll,
  type Listed,
  type Scan,
  type StateCounts,
  scanAll,
} from './listing.js';
export type { Outcome, OutcomeInfo } from './outcome.js';
export { ResultBackend } from './result-backend.js';
export {
  entryExpiresAt,
  HEAD_ONLY,
  liveEntry,
  type Parts,
  stateOf,
  type TaskEntry,
  versionOf,
  WITH_BODY,
  WITH_LOG,
} from './task-entry.js';
export { decodeHead, encodeHead } from './wire/entry-head.js';
