/**
 * The JSON envelope of an outcome: taskiq's TaskiqResult with its keys in one fixed order and no
 * white space between them. The values themselves are copied as bytes, never re-written; only an
 * exception gets what taskiq needs to read it (see `exception.ts`).
 */
import { invalidBody, listed } from '../errors.js';
import {
  type JsonType,
  MAX_MEMBERS,
  type Member,
  membersOfStored,
  scanDocument,
  scanValue,
  typeAt,
} from '../json/scanner.js';
import { completeException, completeFlatException } from './exception.js';

export interface EncodedEnvelope {
  /** The envelope, with `"log":null`. */
  readonly body: Buffer;
  /** The log as a JSON string with its quotes; undefined where it is null or missing. */
  readonly log: Buffer | undefined;
  readonly isErr: boolean;
  readonly hasError: boolean;
  readonly executionTime: string;
}

const TYPES = {
  is_err: ['boolean'],
  log: ['string', 'null'],
  return_value: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  execution_time: ['number'],
  labels: ['object'],
  error: ['object', 'null'],
} as const satisfies Record<string, readonly JsonType[]>;

type Key = keyof typeof TYPES;
type Known = Partial<Record<Key, Member>>;

/** The longest `execution_time`, in characters: every view of the task repeats it. */
const LONGEST_TIME = 1_024;

const KEYS = Object.keys(TYPES) as Key[];
const FALSE_HEAD = '{"is_err":false,"log":null,"return_value":';
const TRUE_HEAD = '{"is_err":true,"log":null,"return_value":';
const NULL = Buffer.from('null');
/** So that an envelope, which has all known keys, is never refused where it is sent on as a document. */
export const MAX_OTHERS = MAX_MEMBERS - KEYS.length;
/** Where the log stands, by `is_err`. */
const LOG_AT = {
  true: TRUE_HEAD.indexOf('null'),
  false: FALSE_HEAD.indexOf('null'),
} as const;

/**
 * The envelope of an outcome document, `{"return_value": …}` and its like, or of an outcome whose
 * members were found in a larger one.
 */
export function encodeEnvelope(
  document: Buffer,
  members: readonly Member[] = scanDocument(document),
): EncodedEnvelope {
  const { known, others } = sort(members, KEYS);
  if (others.length > MAX_OTHERS) throw tooManyOthers();
  const hasError = known.error !== undefined && known.error.type !== 'null';
  const isErr = known.is_err === undefined ? hasError : document[known.is_err.start] === 0x74;
  if (known.return_value === undefined && !hasError && !(known.is_err !== undefined && isErr)) {
    throw noVerdict([...Object.keys(known), ...others.map((member) => member.name)]);
  }
  const error = hasError ? completeException(document, known.error!) : undefined;
  return assemble(document, known, others, { isErr, error });
}

/** The envelope of a failure that is sent as one flat exception. */
export function encodeException(
  document: Buffer,
  members: readonly Member[] = scanDocument(document),
): EncodedEnvelope {
  const lifted: Key[] = ['log', 'execution_time', 'labels'];
  const { known, others } = sort(members, lifted);
  for (const name of ['exc_type', 'exc_message', 'exc_module', 'exc_cause', 'exc_context']) {
    if (others.filter((member) => member.name === name).length > 1) throw twice(name);
  }
  const error = completeFlatException(document, others);
  return assemble(document, known, [], { isErr: true, error });
}

/** The bytes of `error` in an envelope. */
export function errorIn(envelope: Buffer): Buffer {
  const error = membersOfStored(envelope).find((member) => member.name === 'error');
  return error === undefined ? NULL : envelope.subarray(error.start, error.end);
}

/** The envelope with its log put back in place, or without one. */
export function envelopeWithLog(body: Buffer, isErr: boolean, log: Buffer | undefined): Buffer {
  if (log === undefined) return body;
  const at = LOG_AT[`${isErr}`];
  return Buffer.concat([body.subarray(0, at), log, body.subarray(at + NULL.length)]);
}

/** The reverse: an envelope that has its log in it, without it, and the log. */
export function withoutLog(envelope: Buffer): Pick<EncodedEnvelope, 'body' | 'log'> {
  const isErr = envelope['{"is_err":'.length] === 0x74;
  const start = LOG_AT[`${isErr}`];
  if (typeAt(envelope, start) !== 'string') return { body: envelope, log: undefined };
  const end = scanValue(envelope, start, 0);
  const body = Buffer.concat([envelope.subarray(0, start), NULL, envelope.subarray(end)]);
  return { body, log: envelope.subarray(start, end) };
}

function sort(
  members: readonly Member[],
  keys: readonly Key[],
): { known: Known; others: Member[] } {
  const known: Known = {};
  const others: Member[] = [];
  for (const member of members) {
    const key = member.name as Key;
    if (!keys.includes(key)) {
      others.push(member);
      continue;
    }
    if (known[key] !== undefined) throw twice(key);
    const types: readonly JsonType[] = TYPES[key];
    if (!types.includes(member.type)) {
      throw invalidBody(`"${key}" is of type ${member.type}: it must be ${types.join(' or ')}`);
    }
    known[key] = member;
  }
  return { known, others };
}

function assemble(
  document: Buffer,
  known: Known,
  others: readonly Member[],
  { isErr, error }: { isErr: boolean; error: Buffer | undefined },
): EncodedEnvelope {
  const { return_value: value, execution_time: time, labels, log } = known;
  const executionTime =
    time === undefined ? '0' : document.toString('latin1', time.start, time.end);
  checkTimeLength(executionTime);
  const parts = new Assembly();
  parts.add(isErr ? TRUE_HEAD : FALSE_HEAD, value ?? 'null');
  parts.add(',"execution_time":', executionTime, ',"labels":', labels ?? '{}');
  parts.add(',"error":', error ?? 'null');
  for (const member of others) {
    parts.add(',', { start: member.nameStart, end: member.nameEnd }, ':', member);
  }
  parts.add('}');
  return {
    body: parts.join(document),
    log: log?.type === 'string' ? Buffer.from(document.subarray(log.start, log.end)) : undefined,
    isErr,
    hasError: error !== undefined,
    executionTime,
  };
}

/** Throws `invalid-body` where `execution_time` has more digits than a time could need. */
export function checkTimeLength(executionTime: string): void {
  if (executionTime.length <= LONGEST_TIME) return;
  throw invalidBody(
    `execution_time has ${executionTime.length} characters: give at most ${LONGEST_TIME}`,
  );
}

/** ASCII text, bytes, or a span of the document. */
type Part = string | Buffer | { readonly start: number; readonly end: number };

/** An envelope while it is put together. Texts that follow each other become one. */
class Assembly {
  readonly #parts: Part[] = [];

  add(...parts: readonly Part[]): void {
    for (const part of parts) {
      const last = this.#parts.length - 1;
      const before = this.#parts[last];
      if (typeof part === 'string' && typeof before === 'string') this.#parts[last] = before + part;
      else this.#parts.push(part);
    }
  }

  /**
   * All of them in one buffer. It is exactly as large and shares its memory with nothing, so that a
   * store may keep it as it is.
   */
  join(document: Buffer): Buffer {
    let size = 0;
    for (const part of this.#parts) size += isSpan(part) ? part.end - part.start : part.length;
    const target = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const part of this.#parts) {
      if (typeof part === 'string') at += target.write(part, at, 'latin1');
      else if (isSpan(part)) at += document.copy(target, at, part.start, part.end);
      else at += part.copy(target, at);
    }
    return target;
  }
}

function isSpan(part: Part): part is { readonly start: number; readonly end: number } {
  return typeof part !== 'string' && !Buffer.isBuffer(part);
}

function noVerdict(names: readonly string[]): Error {
  const found = names.length === 0 ? 'it has no key at all' : `found ${listed(names)}`;
  return invalidBody(
    'the outcome says neither what came of the task nor that it failed: give "return_value", ' +
      `a non-null "error", or "is_err":true (${found})`,
  );
}

function tooManyOthers(): Error {
  return invalidBody(
    `the outcome has more than ${MAX_OTHERS} keys beside ${listed(KEYS)}: put them into one value`,
  );
}

function twice(name: string): Error {
  return invalidBody(`"${name}" is there twice: send it once`);
}
