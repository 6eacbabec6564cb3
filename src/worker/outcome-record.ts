/**
 * The outcome of one run of a task. What cannot be stored has a stand-in: a failure that says what
 * could not be stored, and why, so that nobody waits for the task in vain.
 */
import { ResultdError } from '../errors.js';
import { type Outcome, outcomeFromValue } from '../record/outcome.js';
import type { TaskMessage } from '../task/task-message.js';
import { exceptionRecord } from './thrown-error.js';

/** What a run came to. */
export type Run = {
  /** Seconds. */
  readonly executionTime: number;
  /** Undefined where nothing was captured. */
  readonly log: string | null;
  /** The message's, with the worker's own. */
  readonly labels: Readonly<Record<string, unknown>>;
} & ({ readonly returned: unknown } | { readonly thrown: unknown });

/** How much of an exception that is too large is told. */
const TOLD = 1_000;

/** The outcome of a run. Throws `invalid-body` where JSON cannot hold what the function returned. */
export function outcomeOf(run: Run): Outcome {
  const { executionTime, log, labels } = run;
  const end =
    'thrown' in run
      ? { isErr: true, error: exceptionRecord(run.thrown) }
      : { isErr: false, returnValue: run.returned ?? null };
  return outcomeFromValue({ ...end, log, executionTime, labels });
}

/** What takes the place of an outcome that was refused with this error. */
export function standInOf(run: Run, message: TaskMessage, refusal: ResultdError): Outcome {
  const what = 'thrown' in run ? 'the exception' : 'what the function returned';
  const { exc_type: type, exc_message: messages } = exceptionRecord(
    'thrown' in run ? run.thrown : undefined,
  );
  const cause = {
    exc_type: type.slice(0, TOLD),
    exc_message: [String(messages[0]).slice(0, TOLD)],
  };
  const error = {
    exc_type: 'OutcomeNotStored',
    exc_message: [
      `task "${message.task_id}" (${message.task_name}) has ended, but ${what} could not be ` +
        `stored: ${refusal.message}`.slice(0, TOLD),
      refusal.code,
    ],
    exc_cause: 'thrown' in run ? cause : null,
  };
  return outcomeFromValue({ isErr: true, error, executionTime: run.executionTime });
}

/** Whether an outcome was refused for what it is, so that asking again is of no use. */
export function isRefused(error: unknown): error is ResultdError {
  return (
    error instanceof ResultdError &&
    ['invalid-body', 'too-large', 'media-type'].includes(error.code)
  );
}
