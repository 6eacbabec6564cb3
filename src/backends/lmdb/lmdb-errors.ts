/** LMDB's errors as this package's own, with what an operator can do. */
import { constants } from 'node:os';
import { ResultdError, storeUnavailable } from '../../errors.js';

const { ENOSPC, EDQUOT, EFBIG } = constants.errno;
/** What says that there is no room: the system's numbers, as LMDB has them, and their names. */
const SPACE_CODES: readonly unknown[] = [ENOSPC, EDQUOT, EFBIG, -30792, 'ENOSPC', 'EDQUOT'];

/** LMDB rejects a failed commit with an error that holds a promise, rejected with the reason. */
export async function commitCause(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return error;
  return commitError.catch((cause: unknown) => cause);
}

export function wrapped(error: unknown, what: string): ResultdError {
  if (error instanceof ResultdError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return storeUnavailable(`${what}: ${reason}. ${adviceOn(error)}`, error);
}

/** What an operator can do. Only where space may be the reason is there talk of space. */
function adviceOn(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (SPACE_CODES.includes(code)) return 'Free some space on its disk';
  if (code === constants.errno.EIO) return 'Its disk is full, or it is failing: see which';
  if (code === 'EACCES' || code === 'EPERM') return 'Give this user the right to it';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'Name a directory that can be made';
  return 'See that its disk and its files are sound';
}
