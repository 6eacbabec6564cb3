/** The bytes of a request's body. */

const EMPTY = Buffer.alloc(0);

/** A request without a body has an empty one. */
export function bodyOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : EMPTY;
}
