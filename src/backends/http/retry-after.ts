/** When a service may be asked again. */

/** The longest pause between two tries, in milliseconds, where the service asks for no longer one. */
export const LONGEST_PAUSE_MS = 2_000;

/** Milliseconds of a `Retry-After` (RFC 9110 §10.2.3); undefined where there is none. */
export function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
