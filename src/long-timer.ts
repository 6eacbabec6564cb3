/** A timer for any time. Node's own fires at once where it is more than 24.8 days. */

const LONGEST_MS = 2 ** 31 - 1;

/** Calls `run` after so many milliseconds. Gives back what prevents that. */
export function startTimer(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const nextMs = Math.min(leftMs, LONGEST_MS);
    timer = setTimeout(() => (leftMs > nextMs ? arm(leftMs - nextMs) : run()), nextMs);
  };
  arm(ms);
  return () => clearTimeout(timer);
}
