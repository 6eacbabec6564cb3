/**
 * JavaScript values as JSON, with nothing lost in silence: what `JSON.stringify` would change or
 * leave out (`NaN`, functions, maps, …) is an error that says where it stands. As everywhere in
 * JavaScript, `undefined` is null in a list, and leaves out a member.
 */
import { invalidBody, ResultdError } from '../errors.js';

/** What becomes `{}`, whatever it holds. */
const EMPTIED = [Map, Set, Promise, Error, RegExp, ArrayBuffer] as const;

/** The JSON of a value; `undefined` is null. Throws `invalid-body`, with the place within `what`. */
export function jsonOf(value: unknown, what: string): string {
  /** The objects around the member that is looked at, each with its name. */
  const around: { readonly holder: unknown; readonly name: string }[] = [];
  const placeOf = (name: string): string =>
    [what, ...around.map((level) => level.name), name].filter((part) => part !== '').join(' › ');
  function check(this: unknown, name: string, found: unknown): unknown {
    while (around.length > 0 && around.at(-1)!.holder !== this) around.pop();
    const flaw = flawOf(found);
    if (flaw !== undefined) throw invalidBody(`${placeOf(name)} is ${flaw}: JSON cannot hold it`);
    if (typeof found === 'object' && found !== null) around.push({ holder: found, name });
    return found;
  }
  try {
    return JSON.stringify(value === undefined ? null : value, check) ?? 'null';
  } catch (cause) {
    if (cause instanceof ResultdError) throw cause;
    throw invalidBody(`${what} cannot be written as JSON: ${reasonOf(cause)}`);
  }
}

function flawOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'bigint':
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object': {
      const kind = EMPTIED.find((type) => value instanceof type);
      return kind === undefined ? undefined : `of type ${kind.name}`;
    }
    default:
      return undefined;
  }
}

/** Whatever was thrown, and however it behaves, in a line. */
function reasonOf(thrown: unknown): string {
  try {
    return String(thrown).split('\n', 1)[0]!;
  } catch {
    return 'it threw what cannot be shown';
  }
}
