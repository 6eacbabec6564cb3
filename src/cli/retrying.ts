/** Calls again what failed for a reason that may pass: later each time, and with jitter. */
import { setTimeout as pause } from 'node:timers/promises';
import { ResultdError } from '../errors.js';

export interface RetryOptions {
  /** How long to go on, in milliseconds. */
  readonly forMs: number;
  /** Ends it at once; the last error is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the first failure. */
  readonly onFirstFailure?: ((error: ResultdError) => void) | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export function isPassing(error: unknown): error is ResultdError {
  return error instanceof ResultdError && error.retryable;
}

/** Rejects with the last error, or with the first that will not pass. */
export async function retrying<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const deadline = performance.now() + options.forMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const leftMs = deadline - performance.now();
      if (!isPassing(error) || leftMs <= 0) throw error;
      if (attempt === 0) options.onFirstFailure?.(error);
      await pauseBefore(attempt, leftMs, options.signal);
      if (options.signal?.aborted) throw error;
    }
  }
}

/** The pause after the failure of an attempt, counted from 0; shorter where it is aborted. */
export async function pauseBefore(
  attempt: number,
  mostMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10), LONGEST_PAUSE_MS);
  const pauseMs = Math.min(longest * (0.5 + Math.random() / 2), mostMs);
  await pause(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}
