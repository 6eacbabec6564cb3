/**
 * The JSON envelope of an outcome: taskiq's TaskiqResult with its keys in one fixed order and no
 * white space between them. The values themselves are copied as bytes, never re-written; only an
 * exception gets what taskiq needs to read it (see `exception.ts`).
 */
import { invalidBody, shown } from '../errors.js';
import { completeException, completeFlatException } from './exception.js';
import { type JsonType, type Member, membersAt, scanDocument } from './json-scanner.js';

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

const FALSE_HEAD = Buffer.from('{"is_err":false,"log":null,"return_value":');
const TRUE_HEAD = Buffer.from('{"is_err":true,"log":null,"return_value":');
const EXECUTION_TIME = Buffer.from(',"execution_time":');
const LABELS = Buffer.from(',"labels":');
const ERROR = Buffer.from(',"error":');
const COMMA = Buffer.from(',');
const COLON = Buffer.from(':');
const CLOSE = Buffer.from('}');
const NULL = Buffer.from('null');
const ZERO = Buffer.from('0');
const EMPTY_OBJECT = Buffer.from('{}');

/** The envelope of an outcome document: `{"return_value": …}` and its like. */
export function encodeEnvelope(document: Buffer): EncodedEnvelope {
  const { known, others } = sort(scanDocument(document), Object.keys(TYPES) as Key[]);
  const hasError = known.error !== undefined && known.error.type !== 'null';
  const isErr = known.is_err === undefined ? hasError : document[known.is_err.start] === 0x74;
  if (known.return_value === undefined && !hasError && !(known.is_err !== undefined && isErr)) {
    throw noVerdict([...Object.keys(known), ...others.map((member) => member.name)]);
  }
  const error = hasError ? completeException(document, known.error!) : NULL;
  return assemble(document, known, others, { isErr, error });
}

/** The envelope of a failure that is sent as one flat exception. */
export function encodeException(document: Buffer): EncodedEnvelope {
  const lifted: Key[] = ['log', 'execution_time', 'labels'];
  const { known, others } = sort(scanDocument(document), lifted);
  for (const name of ['exc_type', 'exc_message', 'exc_module', 'exc_cause', 'exc_context']) {
    if (others.filter((member) => member.name === name).length > 1) throw twice(name);
  }
  const error = completeFlatException(document, others);
  return assemble(document, known, [], { isErr: true, error });
}

/** The bytes of `error` in an envelope. */
export function errorIn(envelope: Buffer): Buffer {
  const error = membersAt(envelope, 0).find((member) => member.name === 'error');
  return error === undefined ? NULL : envelope.subarray(error.start, error.end);
}

function sort(
  members: readonly Member[],
  keys: readonly Key[],
): { known: Known; others: Member[] } {
  const known: Known = {};
  const others: Member[] = [];
  for (const member of members) {
    const key = keys.find((name) => name === member.name);
    if (key === undefined) {
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
  { isErr, error }: { isErr: boolean; error: Buffer },
): EncodedEnvelope {
  const bytesOf = (member: Member | undefined, missing: Buffer): Buffer =>
    member === undefined ? missing : document.subarray(member.start, member.end);
  const executionTime = bytesOf(known.execution_time, ZERO);
  const parts = [
    isErr ? TRUE_HEAD : FALSE_HEAD,
    bytesOf(known.return_value, NULL),
    EXECUTION_TIME,
    executionTime,
    LABELS,
    bytesOf(known.labels, EMPTY_OBJECT),
    ERROR,
    error,
  ];
  for (const member of others) {
    parts.push(COMMA, document.subarray(member.nameStart, member.nameEnd));
    parts.push(COLON, document.subarray(member.start, member.end));
  }
  parts.push(CLOSE);
  return {
    body: Buffer.concat(parts),
    log: known.log?.type === 'string' ? Buffer.from(bytesOf(known.log, NULL)) : undefined,
    isErr,
    hasError: error !== NULL,
    executionTime: executionTime.toString('latin1'),
  };
}

function noVerdict(names: readonly string[]): Error {
  const found =
    names.length === 0 ? 'it has no key at all' : `found ${names.map(shown).join(', ')}`;
  return invalidBody(
    'the outcome says neither what came of the task nor that it failed: give "return_value", ' +
      `a non-null "error", or "is_err":true (${found})`,
  );
}

function twice(name: string): Error {
  return invalidBody(`"${name}" is there twice: send it once`);
}
