/**
 * The contract of every result backend, after taskiq's AsyncResultBackend.
 *
 * All rules live here: public methods check the life cycle, the names, the sizes and the times to
 * live, and then call one small protected primitive. A concrete backend implements the primitives
 * alone, on entries of opaque bytes. Absence is a value (`undefined`, `false`); a store that could
 * not be asked is an error (`store-unavailable`).
 */

import * as errors from './errors.js';
import { jsonOf } from './json/values.js';
import {
  HEAD_ONLY,
  liveEntry,
  type ManyParts,
  NEVER,
  type Parts,
  stateOf,
  WITH_BODY,
  WITH_LOG,
} from './record/entry.js';
import {
  decodeCursor,
  encodeCursor,
  PAGE_BYTES,
  type StateCounts,
  withinPage,
} from './record/listing.js';
import { checkNamespace, checkTaskId } from './record/names.js';
import { type Outcome, type OutcomeValue, outcomeFromException } from './record/outcome.js';
import type { Progress, ProgressValue } from './record/progress.js';
import type { TaskSnapshot } from './record/snapshot.js';
import { randomVersion } from './record/version.js';
import type { Command, Conditions, Reply } from './result-backend/commands.js';
import { LifeCycle } from './result-backend/life-cycle.js';
import { Primitives } from './result-backend/primitives.js';
import { answerOf, receiptOf, refusalIn, snapshotOf } from './result-backend/replies.js';
import type { TaskWaits } from './result-backend/task-waits.js';
import type {
  ConsumeOptions,
  GetOptions,
  Listener,
  ListQuery,
  ResultBackendOptions,
  SetManyItem,
  SetProgressOptions,
  SetResultOptions,
  Supports,
  TaskPage,
  Unsubscribe,
  WriteReceipt,
} from './result-backend/types.js';
import { WriteCommands } from './result-backend/write-commands.js';

export type * from './result-backend/types.js';

const DAY_MS = 86_400_000;

export abstract class ResultBackend extends Primitives {
  /** The namespace that this instance is bound to: the same id in two of them is two tasks. */
  readonly boundNamespace: string;
  readonly options: Required<ResultBackendOptions>;
  /** The backend that owns the store: this one, or the one that this is a view of. */
  readonly #root: ResultBackend;
  readonly #lifeCycle = new LifeCycle();
  readonly #commands: WriteCommands;

  constructor(options: ResultBackendOptions = {}, root?: ResultBackend) {
    super();
    this.#root = root ?? this;
    this.options = {
      namespace: options.namespace ?? 'default',
      resultTtlMs: options.resultTtlMs ?? DAY_MS,
      failureTtlMs: options.failureTtlMs ?? DAY_MS,
      progressTtlMs: options.progressTtlMs ?? DAY_MS,
      maxTtlMs: options.maxTtlMs ?? NEVER,
      maxRecordBytes: options.maxRecordBytes ?? 64 * 1_024 * 1_024,
      maxProgressBytes: options.maxProgressBytes ?? 64 * 1_024,
    };
    this.boundNamespace = this.options.namespace;
    checkNamespace(this.boundNamespace);
    this.#commands = new WriteCommands(this.options, options);
  }

  /**
   * Opens the store. Until then, and after `shutdown`, every other call is an error. Safe to
   * repeat; one that failed may be tried again.
   */
  async startup(): Promise<void> {
    if (this.#root !== this) return this.#root.startup();
    return this.#lifeCycle.open(() => this._startup());
  }

  /** Refuses new calls, lets the running ones finish, and closes the store. Safe to repeat. */
  async shutdown(): Promise<void> {
    if (this.#root !== this) return this.#root.shutdown();
    return this.#lifeCycle.close(() => this._shutdown());
  }

  /** This store, bound to another namespace. It shares connections and life cycle. */
  namespace(name: string): ResultBackend {
    checkNamespace(name);
    if (name === this.boundNamespace) return this;
    if (!this.#root.supports.namespaces) {
      throw this.#unsupported(`the namespace "${name}"`);
    }
    return new NamespaceView({ ...this.options, namespace: name }, this.#root);
  }

  /** Waits that the store itself holds; undefined where a `WaitHub` has to watch it. */
  waits(): TaskWaits | undefined {
    return this.#root._waits(this.boundNamespace);
  }

  /** Resolves where the store answers and can take writes. Throws `store-unavailable`. */
  async ping(): Promise<void> {
    await this.#call((root) => root._ping());
  }

  /**
   * Stores an outcome. With mode `create`, the first one wins: the same outcome again is
   * `unchanged`, another one an `outcome-conflict`.
   * Throws `version-mismatch`, `too-large`, `invalid-body` where a value cannot be encoded.
   */
  async setResult(
    taskId: string,
    outcome: Outcome | OutcomeValue,
    options: SetResultOptions = {},
  ): Promise<WriteReceipt> {
    const reply = await this.#execute(this.#commands.setResult(taskId, outcome, options));
    return receiptOf(taskId, reply);
  }

  /** Stores a failure: `exception` is one flat object that has at least `exc_type`. */
  async setException(
    taskId: string,
    exception: Readonly<Record<string, unknown>>,
    options: SetResultOptions = {},
  ): Promise<WriteReceipt> {
    const document = Buffer.from(jsonOf(exception, 'the exception'));
    return this.setResult(taskId, outcomeFromException(document), options);
  }

  /** Stores progress. It never makes a task ready, nor a ready task unready. */
  async setProgress(
    taskId: string,
    progress: Buffer | ProgressValue,
    options: SetProgressOptions = {},
  ): Promise<WriteReceipt> {
    const reply = await this.#execute(this.#commands.setProgress(taskId, progress, options));
    return receiptOf(taskId, reply);
  }

  /** The task with its outcome's bytes; undefined where it is unknown. It may not be ready. */
  async getResult(taskId: string, options: GetOptions = {}): Promise<TaskSnapshot | undefined> {
    return this.get(taskId, options.withLogs === true ? WITH_LOG : WITH_BODY);
  }

  /** The task without its outcome's bytes; undefined where it is unknown. */
  async getStatus(taskId: string): Promise<TaskSnapshot | undefined> {
    return this.get(taskId, HEAD_ONLY);
  }

  /** Whether the task has an outcome, which is not moved for the answer. */
  async isResultReady(taskId: string): Promise<boolean> {
    return (await this.get(taskId, HEAD_ONLY))?.ready === true;
  }

  /** The latest progress; undefined where there is none. */
  async getProgress(taskId: string): Promise<Progress | undefined> {
    return (await this.get(taskId, HEAD_ONLY))?.progress;
  }

  /** The task with the parts asked for; undefined where it is unknown. */
  async get(taskId: string, parts: Parts): Promise<TaskSnapshot | undefined> {
    checkTaskId(taskId);
    // As `#call` does, without its promise: this is the hottest read.
    const root = this.#root;
    root.#lifeCycle.enter();
    try {
      const entry = await root._read(this.boundNamespace, taskId, parts);
      return snapshotOf(taskId, liveEntry(entry, root._now()), parts);
    } finally {
      root.#lifeCycle.leave();
    }
  }

  /**
   * Many tasks in one read, in the order of their ids; undefined for each unknown one. Those of the
   * first ids alone where the parts have a `maxBytes`, and these reach it.
   */
  async getMany(
    taskIds: readonly string[],
    parts: ManyParts = HEAD_ONLY,
  ): Promise<(TaskSnapshot | undefined)[]> {
    for (const taskId of taskIds) checkTaskId(taskId);
    return this.#call(async (root) => {
      const entries = await root._readMany(this.boundNamespace, taskIds, parts);
      const now = root._now();
      return entries.map((entry, index) =>
        snapshotOf(taskIds[index]!, liveEntry(entry, now), parts),
      );
    });
  }

  /** Many writes; each succeeds or fails alone. Answers stand in the order of the items. */
  async setMany(items: readonly SetManyItem[]): Promise<(WriteReceipt | errors.ResultdError)[]> {
    const answers: (WriteReceipt | errors.ResultdError)[] = new Array(items.length);
    const commands: Command[] = [];
    const places: number[] = [];
    for (const [at, item] of items.entries()) {
      try {
        commands.push(this.#commands.ofItem(item));
        places.push(at);
      } catch (error) {
        answers[at] = errors.resultdError(error);
      }
    }
    const replies = await this.#executeAll(commands);
    for (const [at, { taskId }] of commands.entries()) {
      answers[places[at]!] = answerOf(taskId, replies[at]!);
    }
    return answers;
  }

  /**
   * Lists tasks, the last written first. No task comes twice in one traversal; one that changes
   * during it may be missing, and heads the next. A page is shorter than its limit where the
   * progress of its tasks is large. Throws `unsupported` where the store cannot.
   */
  async list(query: ListQuery = {}): Promise<TaskPage> {
    if (!this.supports.listing) throw this.#unsupported('listing tasks');
    const limit = Math.min(Math.max(Math.trunc(query.limit ?? 100), 1), 1_000);
    const scan = {
      states: query.states,
      after: query.updatedAfter ?? Number.NEGATIVE_INFINITY,
      before: query.updatedBefore ?? Number.POSITIVE_INFINITY,
      position: query.cursor === undefined ? undefined : decodeCursor(query.cursor),
      // One more than asked for tells whether there is a next page.
      limit: limit + 1,
      maxBytes: PAGE_BYTES,
    };
    const listed = await this.#call((root) => root._list(this.boundNamespace, scan));
    const page = withinPage(listed.slice(0, limit));
    return {
      items: page.map(({ taskId, entry }) => snapshotOf(taskId, entry, HEAD_ONLY)!),
      nextCursor: listed.length > page.length ? encodeCursor(page.at(-1)!) : undefined,
    };
  }

  /** How many tasks there are, by state. Throws `unsupported` where the store cannot. */
  async count(): Promise<StateCounts> {
    if (!this.supports.listing) throw this.#unsupported('counting tasks');
    return this.#call((root) => root._count(this.boundNamespace));
  }

  /** Removes outcome, log, progress and remembered consumes; false where the task was unknown. */
  async delete(taskId: string, conditions: Conditions = {}): Promise<boolean> {
    const reply = await this.#execute({ kind: 'delete', taskId, conditions });
    return reply.verdict === 'done';
  }

  /**
   * Takes the outcome and removes the task, for exactly one caller. Undefined where the task is
   * unknown; `not-ready` where it has no outcome. With an idempotency key, a repeat within 60 s is
   * given the same outcome again.
   */
  async consume(taskId: string, options: ConsumeOptions = {}): Promise<TaskSnapshot | undefined> {
    const { idempotencyKey } = options;
    if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > 255)) {
      throw errors.invalidParameter(
        `the idempotency key ${errors.shown(idempotencyKey)} must have 1 to 255 characters`,
      );
    }
    const conditions = options.conditions ?? {};
    const reply = await this.#execute({ kind: 'consume', taskId, conditions, idempotencyKey });
    if (reply.verdict === 'not-ready') throw errors.notReady(taskId, stateOf(reply.entry!));
    return snapshotOf(taskId, reply.entry, options.withLogs === true ? WITH_LOG : WITH_BODY);
  }

  /** Gives every live record a new expiry, `ttlMs` from now; undefined where it is unknown. */
  async expire(
    taskId: string,
    ttlMs: number,
    conditions: Conditions = {},
  ): Promise<WriteReceipt | undefined> {
    const random = randomVersion();
    const ttl = this.#commands.ttl(ttlMs, ttlMs);
    const reply = await this.#execute({ kind: 'expire', taskId, conditions, random, ttlMs: ttl });
    return reply.verdict === 'absent' ? undefined : receiptOf(taskId, reply);
  }

  /**
   * Delivers hints of changes in this namespace. Resolves once the subscription is live. A hint may
   * be late, early or doubled; one that may be missing is made up for by `{lost: true}`. Each call
   * is a subscription of its own; ending one is safe to repeat, and after `shutdown` too.
   */
  async subscribe(listener: Listener): Promise<Unsubscribe> {
    let isLive = true;
    const deliver: Listener = (notification) => {
      if (isLive) listener(notification);
    };
    return this.#call(async (root) => {
      const unsubscribe = await root._subscribe(this.boundNamespace, deliver);
      return async () => {
        if (!isLive) return;
        isLive = false;
        if (root.#lifeCycle.isRunning) await unsubscribe();
      };
    });
  }

  #unsupported(what: string): errors.ResultdError {
    return errors.unsupported(what, this.#root.constructor.name);
  }

  /** One call to the store, which is not closed under it. */
  async #call<T>(use: (root: ResultBackend) => Promise<T>): Promise<T> {
    const root = this.#root;
    root.#lifeCycle.enter();
    try {
      return await use(root);
    } finally {
      root.#lifeCycle.leave();
    }
  }

  async #execute(command: Command): Promise<Reply> {
    checkTaskId(command.taskId);
    const root = this.#root;
    root.#lifeCycle.enter();
    try {
      const reply = await root._execute(this.boundNamespace, command);
      const refusal = refusalIn(command.taskId, reply);
      if (refusal !== undefined) throw refusal;
      return reply;
    } finally {
      root.#lifeCycle.leave();
    }
  }

  /** Where none of them can be carried out, the error stands in the place of each. */
  async #executeAll(commands: readonly Command[]): Promise<readonly (Reply | Error)[]> {
    if (commands.length === 0) return [];
    try {
      return await this.#call((root) => root._executeMany(this.boundNamespace, commands));
    } catch (error) {
      return commands.map(() => error as Error);
    }
  }
}

/** A backend's store under another namespace. Public methods go by the root's primitives. */
class NamespaceView extends ResultBackend {
  readonly supports: Supports;

  constructor(options: ResultBackendOptions, root: ResultBackend) {
    super(options, root);
    this.supports = root.supports;
  }

  protected _startup = neverCalled;
  protected _shutdown = neverCalled;
  protected _ping = neverCalled;
  protected _read = neverCalled;
  protected _execute = neverCalled;
  protected _subscribe = neverCalled;
}

async function neverCalled(): Promise<never> {
  throw new Error('a namespace view has no primitives of its own');
}
