/** The standard input, read to its end. */
import { UsageError } from './arguments.js';

/** The largest record of any store. */
const MOST_BYTES = 64 * 1_024 * 1_024;

/** Throws a `UsageError` where it is larger than 64 MiB, the most that a record may have. */
export async function readInput(stdin: NodeJS.ReadStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) {
      throw new UsageError(
        `the standard input has more than ${MOST_BYTES} bytes, which is the limit`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
