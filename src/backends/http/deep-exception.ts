/**
 * A failure that is too deep for the service to take it as an envelope. It was reported as a flat
 * exception, at most as deep as any document may be; its envelope is a little deeper. So it is sent
 * on as it came: flat.
 */

import { MAX_DEPTH, type Member, membersOfStored, scanDocument } from '../../json/scanner.js';
import type { Outcome } from '../../record/outcome.js';

/** What a flat exception has beside the exception itself. */
const BESIDE = ['execution_time', 'labels', 'log'] as const;

/** The flat exception in parts; undefined where the envelope will do. */
export function deepException(outcome: Outcome): readonly Buffer[] | undefined {
  const { body, log, isErr, hasError, isOpaque } = outcome;
  // Each level has two brackets at least.
  if (isOpaque || !isErr || !hasError || body.length < 2 * MAX_DEPTH) return undefined;
  try {
    scanDocument(body);
    return undefined;
  } catch {
    const envelope = membersOfStored(body);
    const error = bytesOf(body, envelope, 'error');
    const parts = [error.subarray(0, -1)];
    for (const name of BESIDE) {
      const value = name === 'log' ? log : bytesOf(body, envelope, name);
      if (value !== undefined) parts.push(Buffer.from(`,"${name}":`), value);
    }
    return [...parts, Buffer.from('}')];
  }
}

function bytesOf(body: Buffer, members: readonly Member[], wanted: string): Buffer {
  const { start, end } = members.find(({ name }) => name === wanted)!;
  return body.subarray(start, end);
}
