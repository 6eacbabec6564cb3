/**
 * An array of byte strings as PostgreSQL receives it in its binary form: bytes go as they are, where
 * the text form would write two digits for each.
 */

const BYTEA_OID = 17;
const HEADER_BYTES = 20;

/** One `bytea[]`; null for an item that is not there. */
export function byteaArray(items: readonly (Buffer | null)[]): Buffer {
  const length = items.reduce((sum, item) => sum + 4 + (item?.length ?? 0), HEADER_BYTES);
  const bytes = Buffer.allocUnsafe(length);
  // Dimensions, whether nulls may come, the items' type, how many there are, the first one's place.
  let at = 0;
  for (const field of [1, 1, BYTEA_OID, items.length, 1]) at = bytes.writeInt32BE(field, at);
  for (const item of items) {
    at = bytes.writeInt32BE(item?.length ?? -1, at);
    if (item !== null) at += item.copy(bytes, at);
  }
  return bytes;
}

/** The bytes that PostgreSQL has written as text: `\x` and two digits for each. */
export function bytesOf(text: string | null | undefined): Buffer | undefined {
  return text === null || text === undefined ? undefined : Buffer.from(text.slice(2), 'hex');
}
