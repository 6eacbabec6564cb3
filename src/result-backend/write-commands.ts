/**
 * From what a caller wants to write to the command that does it: encoded, of a size that may be
 * stored, and with its time to live. What is wrong with it is thrown here, before the store is asked.
 */

import { invalidParameter, progressTooLarge, shown, tooLarge } from '../errors.js';
import { NEVER } from '../record/entry.js';
import { checkTaskId } from '../record/names.js';
import { isOutcome, type Outcome, type OutcomeValue, outcomeFromValue } from '../record/outcome.js';
import { type ProgressValue, progressFromValue } from '../record/progress.js';
import { randomVersion } from '../record/version.js';
import type { SetOutcomeCommand, SetProgressCommand } from './commands.js';
import type {
  ResultBackendOptions,
  SetManyItem,
  SetProgressOptions,
  SetResultOptions,
} from './types.js';

const NO_CONDITIONS = {};
/** Times to live are clamped to this: 100 years. Beyond it lies `NEVER`. */
const LONGEST_TTL_MS = 36_500 * 86_400_000;

export class WriteCommands {
  readonly #options: Required<ResultBackendOptions>;
  readonly #given: ResultBackendOptions;

  /** `options` are the ones that hold, `given` those of them that somebody chose. */
  constructor(options: Required<ResultBackendOptions>, given: ResultBackendOptions) {
    this.#options = options;
    this.#given = given;
  }

  /** Throws `invalid-task-id`, `too-large`, `invalid-parameter`, `invalid-body`. */
  setResult(
    taskId: string,
    outcome: Outcome | OutcomeValue,
    options: SetResultOptions,
  ): SetOutcomeCommand {
    const encoded = isOutcome(outcome) ? outcome : outcomeFromValue(outcome);
    const { maxRecordBytes, resultTtlMs, failureTtlMs } = this.#options;
    const size = encoded.size + (encoded.log?.length ?? 0);
    if (size > maxRecordBytes) throw tooLarge(size, maxRecordBytes);
    checkTaskId(taskId);
    return {
      kind: 'set-outcome',
      taskId,
      mode: options.mode ?? 'replace',
      outcome: encoded,
      conditions: options.conditions ?? NO_CONDITIONS,
      random: randomVersion(),
      ttlMs: this.ttl(options.ttlMs, encoded.isErr ? failureTtlMs : resultTtlMs),
      isDefaultTtl: this.#isDefaultTtl(
        options.ttlMs,
        encoded.isErr ? 'failureTtlMs' : 'resultTtlMs',
      ),
    };
  }

  /** Likewise. */
  setProgress(
    taskId: string,
    progress: Buffer | ProgressValue,
    options: SetProgressOptions,
  ): SetProgressCommand {
    const encoded = Buffer.isBuffer(progress) ? progress : progressFromValue(progress);
    const { maxProgressBytes, progressTtlMs } = this.#options;
    const size = encoded.length;
    if (size > maxProgressBytes) throw progressTooLarge(size, maxProgressBytes);
    checkTaskId(taskId);
    return {
      kind: 'set-progress',
      taskId,
      mode: options.mode ?? 'replace',
      progress: encoded,
      conditions: options.conditions ?? NO_CONDITIONS,
      random: randomVersion(),
      ttlMs: this.ttl(options.ttlMs, progressTtlMs),
      isDefaultTtl: this.#isDefaultTtl(options.ttlMs, 'progressTtlMs'),
    };
  }

  /** Likewise. */
  ofItem(item: SetManyItem): SetOutcomeCommand | SetProgressCommand {
    return 'outcome' in item
      ? this.setResult(item.taskId, item.outcome, item.options ?? {})
      : this.setProgress(item.taskId, item.progress, item.options ?? {});
  }

  /** A time to live within its bounds. Throws `invalid-parameter` where it is not above 0. */
  ttl(ttlMs: number | undefined, byDefault: number): number {
    const ttl = ttlMs ?? byDefault;
    if (!(ttl > 0)) {
      throw invalidParameter(
        `the time to live ${shown(ttl)} must be above 0: to remove a task, delete it`,
      );
    }
    return Math.min(ttl === NEVER ? NEVER : Math.min(ttl, LONGEST_TTL_MS), this.#options.maxTtlMs);
  }

  #isDefaultTtl(
    ttlMs: number | undefined,
    option: 'resultTtlMs' | 'failureTtlMs' | 'progressTtlMs',
  ): boolean {
    const given = this.#given;
    return ttlMs === undefined && given[option] === undefined && given.maxTtlMs === undefined;
  }
}
