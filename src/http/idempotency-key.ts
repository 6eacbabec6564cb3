/** The `Idempotency-Key` header (IETF draft 07): a string, in quotes or bare. */
import { invalidParameter, shown } from '../errors.js';

/** The key without its quotes; undefined where the header is not there. */
export function parseIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = String(header).trim();
  const key = /^"(.*)"$/.exec(text)?.[1] ?? text;
  if (key.length < 1 || key.length > 255) {
    throw invalidParameter(
      `the Idempotency-Key ${shown(text)} must have 1 to 255 characters: a random UUID will do`,
    );
  }
  return key;
}
