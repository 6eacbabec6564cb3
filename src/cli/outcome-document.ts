/** Outcomes out of what a command line or a program gives: JSON is taken as it is spelt. */
import { ResultdError, shown } from '../errors.js';
import { scanLoneValue, typeAt } from '../json/scanner.js';
import { type Outcome, outcomeFromJson } from '../record/outcome.js';
import { UsageError } from './arguments.js';

export interface Accompaniment {
  /** JSON of an object; `{}` by default. */
  readonly labels?: Buffer | undefined;
  /** Seconds; 0 by default. */
  readonly executionTime?: string | undefined;
  /** None by default, and where it is empty. */
  readonly log?: string | undefined;
}

/** The bytes of the one JSON value in `text`, without white space around it; undefined for none. */
export function jsonValueIn(text: Buffer): Buffer | undefined {
  try {
    const { start, end } = scanLoneValue(text);
    return text.subarray(start, end);
  } catch (error) {
    if (error instanceof ResultdError) return undefined;
    throw error;
  }
}

/** The same of what a person gave; throws a `UsageError` that says what is wrong with it. */
export function requireJson(text: Buffer, what: string, hint: string): Buffer {
  try {
    const { start, end } = scanLoneValue(text);
    return text.subarray(start, end);
  } catch (error) {
    if (!(error instanceof ResultdError)) throw error;
    const why = error.message.replace(/^the body is not valid JSON: /, '');
    throw new UsageError(`${what} ${shown(text.toString())} is not JSON (${why}): ${hint}`);
  }
}

/** The labels that were given as JSON; throws a `UsageError` where they are no object. */
export function parseLabels(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  const labels = requireJson(Buffer.from(text), '--labels', 'give an object, {"queue":"low"} say');
  if (typeAt(labels, 0) === 'object') return labels;
  throw new UsageError(`--labels ${shown(text)} is not an object: write {"queue":"low"} say`);
}

/** A success with this JSON as its value. */
export function successOf(value: Buffer, accompaniment: Accompaniment): Outcome {
  return outcomeFromJson(
    Buffer.concat([Buffer.from('{"return_value":'), value, ...endOf(accompaniment)]),
  );
}

/** A failure with this exception, which has at least `exc_type`. */
export function failureOf(
  exception: Readonly<Record<string, unknown>>,
  accompaniment: Accompaniment,
): Outcome {
  const error = Buffer.from(JSON.stringify(exception));
  return outcomeFromJson(Buffer.concat([Buffer.from('{"error":'), error, ...endOf(accompaniment)]));
}

function endOf({ labels, executionTime = '0', log = '' }: Accompaniment): Buffer[] {
  return [
    Buffer.from(log === '' ? '' : `,"log":${JSON.stringify(log)}`),
    Buffer.from(`,"execution_time":${executionTime},"labels":`),
    labels ?? Buffer.from('{}'),
    Buffer.from('}'),
  ];
}
