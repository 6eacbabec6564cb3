/**
 * One outcome, as it is stored and answered: a JSON envelope (taskiq's TaskiqResult) or opaque
 * bytes with their content type.
 *
 * An `Outcome` is made once, at the edge, and checked while it is made; from then on its bytes are
 * only moved. Its log stands apart, so that reading without logs never moves it.
 */
import { hash } from 'node:crypto';
import { invalidBody, shown } from '../errors.js';
import type { Member } from '../json/scanner.js';
import { isObject, jsonOf } from '../json/values.js';
import {
  checkTimeLength,
  type EncodedEnvelope,
  encodeEnvelope,
  encodeException,
  errorIn,
} from './envelope.js';

/** What is known of an outcome without its bytes. */
export interface OutcomeInfo {
  /** 32 hexadecimal digits: equal exactly where two outcomes are the same outcome. */
  readonly digest: string;
  readonly isErr: boolean;
  /** True where a JSON envelope has an `error` that is not null. */
  readonly hasError: boolean;
  readonly isOpaque: boolean;
  readonly hasLog: boolean;
  /** The bytes of the envelope without its log, or of the opaque body. */
  readonly size: number;
  /** Seconds, spelt as the writer spelt them. */
  readonly executionTime: string;
  readonly contentType: string;
}

export interface Outcome extends OutcomeInfo {
  /** The envelope with `"log":null`, or the opaque body. */
  readonly body: Buffer;
  /** The log as a JSON string, with its quotes; undefined where there is none. */
  readonly log: Buffer | undefined;
}

/** A task's outcome as JavaScript values: taskiq's TaskiqResult, with this package's names. */
export interface OutcomeValue {
  readonly returnValue?: unknown;
  readonly error?: Readonly<Record<string, unknown>> | null;
  readonly isErr?: boolean;
  readonly log?: string | null;
  /** Seconds. */
  readonly executionTime?: number;
  readonly labels?: Readonly<Record<string, unknown>>;
}

export const JSON_TYPE = 'application/json';

/**
 * An outcome from a JSON document as a client sends it, or from the members of an object that was
 * found in a larger one. Throws `invalid-body`.
 */
export function outcomeFromJson(document: Buffer, members?: readonly Member[]): Outcome {
  return new JsonOutcome(encodeEnvelope(document, members));
}

/** A failure from one flat exception, likewise. Throws `invalid-body`. */
export function outcomeFromException(document: Buffer, members?: readonly Member[]): Outcome {
  return new JsonOutcome(encodeException(document, members));
}

/** Whether it is made already, of JSON or of bytes. */
export function isOutcome(outcome: Outcome | OutcomeValue): outcome is Outcome {
  return isObject(outcome) && 'digest' in outcome;
}

/** An outcome from JavaScript values. Throws `invalid-body` where JSON cannot hold one of them. */
export function outcomeFromValue(value: OutcomeValue): Outcome {
  if (!isObject(value))
    throw invalidBody(`the outcome is ${shown(value)}: give { returnValue: … }`);
  const envelope = {
    is_err: value.isErr,
    log: value.log,
    return_value: value.returnValue,
    execution_time: value.executionTime,
    labels: value.labels,
    error: value.error,
  };
  return outcomeFromJson(Buffer.from(jsonOf(envelope, 'the outcome')));
}

/** An outcome of any other media type, kept as bytes. `executionTime` is a JSON number. */
export function opaqueOutcome(
  body: Buffer,
  contentType: string,
  { isErr = false, executionTime = '0' }: { isErr?: boolean; executionTime?: string } = {},
): Outcome {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(executionTime)) {
    throw invalidBody(`execution_time is ${shown(executionTime)}, but a number is needed`);
  }
  checkTimeLength(executionTime);
  const key = `${contentType}\n${isErr}\n${executionTime}\n${hash('sha256', body, 'hex')}`;
  return {
    digest: digestOf(Buffer.from(key)),
    isErr,
    hasError: false,
    isOpaque: true,
    hasLog: false,
    size: body.length,
    executionTime,
    contentType,
    body,
    log: undefined,
  };
}

/** The bytes of `error` in an envelope; `null` where there is none. */
export function errorBytes(info: OutcomeInfo, body: Buffer): Buffer {
  return info.isOpaque ? Buffer.from('null') : errorIn(body);
}

/** A JSON outcome. Its digest is made when it is asked for: a first write in memory needs none. */
class JsonOutcome implements Outcome {
  readonly isErr: boolean;
  readonly hasError: boolean;
  readonly isOpaque = false;
  readonly hasLog: boolean;
  readonly size: number;
  readonly executionTime: string;
  readonly contentType = JSON_TYPE;
  readonly body: Buffer;
  readonly log: Buffer | undefined;
  #digest: string | undefined;

  constructor({ isErr, hasError, executionTime, body, log }: EncodedEnvelope) {
    this.isErr = isErr;
    this.hasError = hasError;
    this.hasLog = log !== undefined;
    this.size = body.length;
    this.executionTime = executionTime;
    this.body = body;
    this.log = log;
  }

  get digest(): string {
    this.#digest ??= this.#makeDigest();
    return this.#digest;
  }

  #makeDigest(): string {
    const digest = digestOf(this.body);
    if (this.log === undefined) return digest;
    return digestOf(Buffer.from(`${digest}\n${digestOf(this.log)}`));
  }
}

function digestOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}
