/**
 * Epoch milliseconds as RFC 3339 in UTC. A busy service writes the same few seconds over and over:
 * they are remembered, which makes a timestamp several times cheaper than `toISOString`.
 */
const SLOTS = 251;
const seconds = new Float64Array(SLOTS).fill(Number.NaN);
const texts: string[] = new Array(SLOTS).fill('');

/** `2024-06-10T06:13:20.000Z`. The time must lie in the years 0 to 9999. */
export function timestamp(ms: number): string {
  const second = Math.floor(ms / 1_000);
  const slot = Math.abs(second) % SLOTS;
  if (seconds[slot] !== second) {
    texts[slot] = new Date(second * 1_000).toISOString().slice(0, 20);
    seconds[slot] = second;
  }
  const rest = ms - second * 1_000;
  const padding = rest < 10 ? '00' : rest < 100 ? '0' : '';
  return `${texts[slot]}${padding}${rest}Z`;
}

/** RFC 3339 §5.6. The "+" of an offset that was not percent-encoded has become a space. */
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+\- ])(\d\d):(\d\d))$/;

const DAY_MINUTES = 1_440;

/**
 * The epoch milliseconds of an RFC 3339 time; undefined where it is none. `round` decides on what is
 * finer than a millisecond.
 */
export function parseTimestamp(text: string, round: (ms: number) => number): number | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Sextuple;
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that a month does not have rolls over into the next one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) {
    return undefined;
  }
  const sign = match[8] === '-' ? -1 : 1;
  const minutes = hour * 60 + minute - sign * (offsetHour * 60 + offsetMinute);
  // A leap second ends a day of UTC (§5.7); it counts as the second after it.
  if (second === 60 && (minutes + DAY_MINUTES) % DAY_MINUTES !== DAY_MINUTES - 1) return undefined;
  return date.getTime() + (minutes * 60 + second) * 1_000 + round(milliseconds(match[7] ?? ''));
}

/** Not `0.<digits> * 1000`, which is inexact: only whether there is a rest counts. */
function milliseconds(fraction: string): number {
  const whole = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return /[1-9]/.test(fraction.slice(3)) ? whole + 0.5 : whole;
}

type Sextuple = [number, number, number, number, number, number];
