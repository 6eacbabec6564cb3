/** A task's progress record: a state and any JSON, kept as `{"state":…,"meta":…}`. */
import { invalidBody, shown } from '../errors.js';
import { type Member, scanDocument } from '../json/scanner.js';
import { isObject, jsonOf } from '../json/values.js';

export interface ProgressValue {
  /** `PENDING`, `STARTED`, `RETRY`, `SUCCESS`, `FAILURE`, or any other string of 1 to 64 characters. */
  readonly state: string;
  /** Any JSON; null by default. */
  readonly meta?: unknown;
}

/** A progress record as it was read: `meta` is the JSON that was written, byte for byte. */
export interface Progress {
  readonly state: string;
  readonly meta: Buffer;
}

const NULL = Buffer.from('null');

/**
 * The record from a JSON document as a client sends it, or from the members of an object that was
 * found in a larger one. Throws `invalid-body`.
 */
export function progressFromJson(
  document: Buffer,
  members: readonly Member[] = scanDocument(document),
): Buffer {
  let state: string | undefined;
  let meta: Buffer | undefined;
  for (const { name, start, end, type } of members) {
    if (name === 'state' && state === undefined) {
      if (type !== 'string') throw invalidBody(`"state" is of type ${type}: it must be a string`);
      state = JSON.parse(document.toString('utf8', start, end)) as string;
    } else if (name === 'meta' && meta === undefined) {
      meta = document.subarray(start, end);
    } else if (name === 'state' || name === 'meta') {
      throw invalidBody(`"${name}" is there twice: send it once`);
    } else {
      throw invalidBody(`${shown(name)} is not a key of a status: give "state" and "meta" only`);
    }
  }
  if (state === undefined)
    throw invalidBody('the status has no "state": say, for example, "STARTED"');
  return encodeProgress(state, meta ?? NULL);
}

/** The record from JavaScript values. Throws `invalid-body` where JSON cannot hold one of them. */
export function progressFromValue(value: ProgressValue): Buffer {
  if (!isObject(value)) throw invalidBody(`the progress is ${shown(value)}: give { state, meta }`);
  const { state, meta } = value;
  return encodeProgress(state, Buffer.from(jsonOf(meta, 'the meta')));
}

function encodeProgress(state: string, meta: Buffer): Buffer {
  if (typeof state !== 'string')
    throw invalidBody(`the state is of type ${typeof state}: it must be a string`);
  // Counted only where it may be short enough: in UTF-16 a character has two units at most.
  const length = state.length > 128 ? state.length : [...state].length;
  if (length < 1 || length > 64 || /[\p{Cc}\p{Cs}]/u.test(state)) {
    throw invalidBody(
      `the state ${shown(state)} is not valid: use 1 to 64 characters, none of them a control ` +
        'character or half of a surrogate pair',
    );
  }
  return Buffer.concat([
    Buffer.from(`{"state":${JSON.stringify(state)},"meta":`),
    meta,
    Buffer.from('}'),
  ]);
}
