/** The parameters of a list: filters, limit and cursor. */
import { invalidParameter, shown } from '../errors.js';
import { parseTimestamp } from '../record/timestamp.js';
import type { ListQuery } from '../result-backend.js';

export interface ListParameters {
  readonly state?: string | string[];
  readonly updated_after?: string;
  readonly updated_before?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

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
  const ms = parseTimestamp(text, round);
  if (ms !== undefined) return ms;
  throw invalidParameter(
    `the parameter "${name}" is ${shown(text)}, which is not a time: give it as RFC 3339 has it, ` +
      'such as 2024-06-10T06:13:20.000Z',
  );
}
