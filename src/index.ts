/**
 * The package's public surface: what a backend of one's own, or a program that embeds the service,
 * imports from `resultd`.
 */

export { type App, type AppOptions, buildApp } from './app.js';
export { Broker, type BrokerOptions } from './broker.js';
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
export { parseDuration } from './duration.js';
export {
  CATALOGUE,
  type ErrorCode,
  invalidParameter,
  overloaded,
  ResultdError,
  type ResultdErrorOptions,
  storeUnavailable,
  unsupported,
} from './errors.js';
export { EventFilter } from './events/event-filter.js';
export { EventHub, type EventHubOptions, type EventRequest } from './events/event-hub.js';
export {
  COUNTED_STATES,
  compareListed,
  countAll,
  type Listed,
  type Scan,
  type StateCounts,
  scanAll,
} from './listing.js';
export { checkNamespace, checkTaskId } from './names.js';
export {
  type Outcome,
  type OutcomeInfo,
  type OutcomeValue,
  opaqueOutcome,
  outcomeFromException,
  outcomeFromJson,
  outcomeFromValue,
} from './outcome.js';
export {
  type Progress,
  type ProgressValue,
  progressFromJson,
  progressFromValue,
} from './progress.js';
export {
  type ConsumeOptions,
  type GetOptions,
  type Listener,
  type Notification,
  ResultBackend,
  type ResultBackendOptions,
  type SetManyItem,
  type SetProgressOptions,
  type SetResultOptions,
  type Supports,
  type Unsubscribe,
  type WriteOptions,
  type WriteReceipt,
} from './result-backend.js';
export { Task } from './task.js';
export {
  entryExpiresAt,
  HEAD_ONLY,
  liveEntry,
  type ManyParts,
  NEVER,
  type Parts,
  stateOf,
  type TaskEntry,
  versionOf,
  WITH_BODY,
  WITH_LOG,
} from './task-entry.js';
export { TaskSnapshot } from './task-snapshot.js';
export { WaitHub, type WaitHubOptions } from './wait-hub.js';
export type { Wait, WaitRequest, WaitResult } from './waits/waiter.js';
export { decodeHead, encodeHead } from './wire/entry-head.js';
export { Worker, type WorkerOptions } from './worker.js';
