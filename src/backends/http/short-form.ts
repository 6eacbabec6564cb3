/**
 * An outcome as the shortest document that means it. What a client left out was added when its
 * envelope was made: sent on whole, a body that was as large as the service's limit would be larger.
 */
import { type Member, membersOfStored, scanValue, walkMembers } from '../../json/scanner.js';
import type { Outcome } from '../../record/outcome.js';

export interface ShortForm {
  /** Whether it is one flat exception, for `…/exception`; else an outcome, for `…/result`. */
  readonly isFlat: boolean;
  readonly body: readonly Buffer[];
}

/** What the service makes of a member that is missing. `is_err` depends on the error. */
const DEFAULTS: Readonly<Record<string, string>> = {
  log: 'null',
  execution_time: '0',
  labels: '{}',
  error: 'null',
};
/** What it would lift out of a flat exception. */
const LIFTED = ['execution_time', 'labels', 'log'];
/** What it adds to the end of an exception, in this order. */
const ADDED = [',"exc_message":[]', ',"exc_module":null'] as const;
/** An envelope may be a little deeper than the documents that a client may send. */
const ENVELOPE_DEPTH = -2;

/** Of a JSON outcome. */
export function shortForm({ body, log, isErr, hasError }: Outcome): ShortForm {
  const parts: Buffer[] = [];
  let isFlat = isErr && hasError;
  for (const member of membersOfStored(body)) {
    const { name, nameStart, nameEnd, start, end } = member;
    const isLog = name === 'log' && log !== undefined;
    // The longest of what may be left out is "null".
    const text = end - start > 4 ? '' : body.toString('latin1', start, end);
    if (name === 'is_err' ? isErr === hasError : !isLog && text === DEFAULTS[name]) continue;
    if (name === 'return_value' && (isErr || hasError) && text === 'null') continue;
    const error = name === 'error' ? shortError(body, member) : undefined;
    if (error?.mayBeFlat !== true) isFlat = false;
    const value = isLog ? log : (error?.bytes ?? body.subarray(start, end));
    parts.push(COMMA, body.subarray(nameStart, nameEnd), COLON, value);
  }
  // Of a flat exception nothing but the error is left.
  if (isFlat) return { isFlat, body: [parts.at(-1)!] };
  return { isFlat, body: [OPEN, ...parts.slice(1), CLOSE] };
}

const [OPEN, CLOSE, COMMA, COLON] = ['{', '}', ',', ':'].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];

/** The error without what is added to it anyway; and whether it means the same as a flat exception. */
function shortError(body: Buffer, { start, end }: Member): { bytes: Buffer; mayBeFlat: boolean } {
  const names: string[] = [];
  walkMembers(body, start, (name, valueStart) => {
    names.push(name);
    return scanValue(body, valueStart, ENVELOPE_DEPTH);
  });
  let cut = end - 1;
  for (const added of [...ADDED].reverse()) {
    const isLast = body.toString('latin1', cut - added.length, cut) === added;
    // One that is there twice would not be added again.
    const name = added.slice(2, added.indexOf('":'));
    if (isLast && names.filter((one) => one === name).length === 1) cut -= added.length;
  }
  // A flat one has no name twice.
  const isOnce = new Set(names).size === names.length;
  const mayBeFlat = isOnce && !names.some((name) => LIFTED.includes(name));
  const bytes = cut === end - 1 ? body.subarray(start, end) : joined(body.subarray(start, cut));
  return { bytes, mayBeFlat };
}

function joined(start: Buffer): Buffer {
  return Buffer.concat([start, CLOSE]);
}
