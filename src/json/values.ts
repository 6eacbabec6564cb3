/**
 * JavaScript values as JSON, with nothing lost in silence: what `JSON.stringify` would change or
 * leave out (`NaN`, functions, maps, …) is an error that says where it stands. As everywhere in
 * JavaScript, `undefined` is null in a list, and leaves out a member.
 */
import { types } from 'node:util';
import { invalidBody, ResultdError } from '../errors.js';

/** What `Object.prototype.toString` calls objects that JSON has a form for, whatever they hold. */
const HELD = new Set(['Object', 'Array', 'Arguments', 'Boolean', 'Number', 'String']);
/** What it calls those of which JSON loses something, also where they have members of their own. */
const LOST = new Set(['Map', 'Set', 'Promise', 'Error', 'RegExp']);

const ADVICE = 'Make it of numbers, strings, booleans, lists and plain objects';

/** The JSON of a value; `undefined` is null. Throws `invalid-body`, with the place within `what`. */
export function jsonOf(value: unknown, what: string): string {
  /** The objects around the member that is looked at, each with its name. */
  const around: { readonly holder: unknown; readonly name: string }[] = [];
  const placeOf = (name: string): string =>
    [what, ...around.map((level) => level.name), name].filter((part) => part !== '').join(' › ');
  function check(this: unknown, name: string, found: unknown): unknown {
    while (around.length > 0 && around.at(-1)!.holder !== this) around.pop();
    const flaw = flawOf(found) ?? flawOfDate(this, name, found);
    if (flaw !== undefined)
      throw invalidBody(`${placeOf(name)} is ${flaw}: JSON cannot hold it. ${ADVICE}`);
    if (typeof found === 'object' && found !== null) around.push({ holder: found, name });
    return found;
  }
  try {
    return JSON.stringify(value === undefined ? null : value, check) ?? 'null';
  } catch (cause) {
    if (cause instanceof ResultdError) throw cause;
    throw invalidBody(`${what} cannot be written as JSON: ${reasonOf(cause)}. ${ADVICE}`);
  }
}

/** Whether it is an object, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
      if (value === null) return undefined;
      const type = Object.prototype.toString.call(value).slice('[object '.length, -1);
      if (HELD.has(type)) return undefined;
      // All else has its content where JSON does not look, or bytes by their index: unless it is an
      // object of a class with a name of its own, and members.
      const isLost = LOST.has(type) || ArrayBuffer.isView(value) || isBare(value);
      return isLost ? `of type ${type}` : undefined;
    }
    default:
      return undefined;
  }
}

function isBare(value: object): boolean {
  return Object.keys(value).length === 0;
}

/** A date that is none has become null by now. */
function flawOfDate(holder: unknown, name: string, found: unknown): string | undefined {
  if (found !== null) return undefined;
  const date = (holder as Readonly<Record<string, unknown>>)[name];
  return types.isDate(date) ? 'an invalid date' : undefined;
}

/** Whatever was thrown, and however it behaves, in a line. */
function reasonOf(thrown: unknown): string {
  try {
    return String(thrown).split('\n', 1)[0]!;
  } catch {
    return 'it threw what cannot be shown';
  }
}
