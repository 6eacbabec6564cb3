/** How long to wait before the next try: exponential, with full jitter, so that clients spread out. */

const FIRST_MS = 50;
const LONGEST_MS = 2_000;

/** Milliseconds before try number `tries + 1`; `tries` have failed. */
export function backOff(tries: number, longestMs: number = LONGEST_MS): number {
  return Math.random() * Math.min(longestMs, FIRST_MS * 2 ** Math.min(tries, 20));
}

/** Milliseconds of a `Retry-After` (RFC 9110 §10.2.3); undefined where there is none. */
export function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Resolves after so many milliseconds, or as soon as the signal aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
