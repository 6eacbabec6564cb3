/**
 * The start of a task that `exec` runs. One that has an outcome already is not begun again, or, where
 * that outcome is to be replaced, it is gone before: a waiter that comes from then on waits for the new
 * one. STARTED is written last, and its receipt, which is of the same step in the store, tells whether
 * another outcome has come meanwhile.
 */
import { ResultdError, shown, storeUnavailable } from '../errors.js';
import type { ResultBackend } from '../result-backend.js';
import { persist, startTimer } from '../timing.js';
import { LONGEST_PAUSE_MS } from './connection.js';

interface Beginning {
  readonly taskId: string;
  /** Whether an outcome that is there is removed; else it is a conflict. */
  readonly replaces: boolean;
  /** For how long to try, in milliseconds. Default: 5,000. */
  readonly withinMs: number | undefined;
  /** Ends the attempts. */
  readonly signal: AbortSignal;
  /** Told of the first failure that another attempt follows. */
  readonly onFailure: (error: ResultdError) => void;
}

const WITHIN_MS = 5_000;

/** Resolves to why the task is not begun; undefined where it is. */
export async function beginTask(
  backend: ResultBackend,
  { taskId, replaces, withinMs = WITHIN_MS, signal, onFailure }: Beginning,
): Promise<ResultdError | undefined> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  let last: ResultdError | undefined;
  const beginning = persist(
    async () => {
      await backend.startup();
      await begin(backend, { taskId, replaces, ended });
    },
    {
      withinMs,
      longestPauseMs: LONGEST_PAUSE_MS,
      signal: ended,
      onFailure: (error) => {
        if (last === undefined) onFailure(error);
        last = error;
      },
    },
  );
  beginning.catch(() => {});
  let stopTimer = (): void => {};
  // A call that hangs ends neither in time nor at a signal.
  const late = new Promise<never>((_resolve, reject) => {
    const give = (why: string): void => reject(last ?? storeUnavailable(why));
    stopTimer = startTimer(Math.max(withinMs, WITHIN_MS), () => give('no answer came in time'));
    signal.addEventListener('abort', () => give('it was interrupted'));
  });
  try {
    await Promise.race([beginning, late]);
    return undefined;
  } catch (error) {
    if (error instanceof ResultdError) return error;
    throw error;
  } finally {
    stopTimer();
    over.abort();
  }
}

async function begin(
  backend: ResultBackend,
  { taskId, replaces, ended }: { taskId: string; replaces: boolean; ended: AbortSignal },
): Promise<void> {
  // Too late STARTED would take the place of what the program has reported since.
  while (!ended.aborted) {
    const found = await backend.getStatus(taskId);
    if (found?.ready === true) {
      if (!replaces) throw hasOutcome(taskId, found.state);
      await removeVersion(backend, taskId, found.version);
    } else if (!ended.aborted) {
      const { snapshot } = await backend.setProgress(taskId, { state: 'STARTED' });
      if (snapshot?.ready !== true) return;
    }
  }
}

/** Removes the task where it is still as it was: what has come since is another's to keep. */
async function removeVersion(
  backend: ResultBackend,
  taskId: string,
  version: string,
): Promise<void> {
  try {
    await backend.delete(taskId, { ifMatch: [version] });
  } catch (error) {
    if (!(error instanceof ResultdError) || error.code !== 'version-mismatch') throw error;
  }
}

function hasOutcome(taskId: string, state: string): ResultdError {
  return new ResultdError(
    'outcome-conflict',
    `task ${shown(taskId)} has an outcome already (${state}): add --replace to run it again`,
  );
}
