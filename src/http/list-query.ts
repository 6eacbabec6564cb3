/** The parameters of a list: filters, limit and cursor. */
import { invalidParameter, shown } from '../errors.js';
import type { ListQuery } from '../result-backend.js';

export interface ListParameters {
  readonly state?: string | string[];
  readonly updated_after?: string;
  readonly updated_before?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

/** RFC 3339 §5.6. The "+" of an offset that was not percent-encoded has become a space. */
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+\- ])(\d\d):(\d\d))$/;

const DAY_MINUTES = 1_440;

/** Throws `invalid-parameter` for a time that is none. */
export function parseListQuery(query: ListParameters): ListQuery {
  const { state, limit, cursor } = query;
  return {
    states: state === undefined || Array.isArray(state) ? state : [state],
    updatedAfter: parseTime('updated_after', query.updated_after, Math.floor),
    updatedBefore: parseTime('updated_before', query.updated_before, Math.ceil),
    limit: limit === undefined ? undefined : Number(limit),
    cursor,
  };
}

/** The path of the next page: the same filters, another cursor (RFC 8288). */
export function nextPage(path: string, query: ListParameters, cursor: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, cursor })) {
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, one);
  }
  return `<${path}?${parameters}>; rel="next"`;
}

/** Epoch milliseconds; `round` decides on what is finer than a task's own time. */
function parseTime(
  name: string,
  text: string | undefined,
  round: (ms: number) => number,
): number | undefined {
  if (text === undefined) return undefined;
  const ms = timeOf(text, round);
  if (ms !== undefined) return ms;
  throw invalidParameter(
    `the parameter "${name}" is ${shown(text)}, which is not a time: give it as RFC 3339 has it, ` +
      'such as 2024-06-10T06:13:20.000Z',
  );
}

function timeOf(text: string, round: (ms: number) => number): number | undefined {
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
