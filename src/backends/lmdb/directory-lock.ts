/**
 * One process owns a directory: an advisory lock of the kernel (flock) on a file in it.
 *
 * Node cannot call flock, but such a lock belongs to the open file and not to the process that asks
 * for it: a short-lived `flock` (util-linux, busybox) or `perl` is given this process's file
 * descriptor, locks it and ends, and the lock stays for as long as the descriptor is open here. So
 * the kernel lets go of it however this process ends, and there is never a stale lock to judge; it
 * also works between containers that share a volume, where pids and sockets are not comparable, and
 * within one process. The file names the owner's pid for the message alone, and is never removed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { shown, storeUnavailable } from '../../errors.js';

const LOCK_FILE = 'owner.lock';
const HELD_ELSEWHERE = 1;
/** Programs that try to lock descriptor 3 and exit with 1 where another one has the lock. */
const LOCKERS: readonly (readonly [string, readonly string[]])[] = [
  ['flock', ['-n', '3']],
  ['perl', ['-e', 'open(my $f, "+<&=", 3) or exit 2; exit(flock($f, 6) ? 0 : 1)']],
];

export class DirectoryLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Locks the directory, which exists. Throws `store-unavailable` where it has another owner. */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const file = await open(join(directory, LOCK_FILE), 'a+');
    try {
      if (!tryLock(file, directory)) throw await refusal(file, directory);
      await file.truncate();
      await file.write(`${process.pid}\n`);
      return new DirectoryLock(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Makes a directory, and those that it is in. (Node's own `recursive` goes round for ever where one
 * cannot be made in another that is there, as under /proc.)
 */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const parent = dirname(directory);
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    await makeDirectory(parent);
    await makeDirectory(directory);
  }
}

function tryLock(file: FileHandle, directory: string): boolean {
  for (const [program, args] of LOCKERS) {
    const { error, status, stderr } = spawnSync(program, args, {
      stdio: ['ignore', 'ignore', 'pipe', file.fd],
      encoding: 'utf8',
    });
    if (error !== undefined) continue;
    if (status === 0 || status === HELD_ELSEWHERE) return status === 0;
    throw storeUnavailable(`the directory ${shown(directory)} cannot be locked: ${stderr.trim()}`);
  }
  throw storeUnavailable(
    `the directory ${shown(directory)} cannot be locked: the program "flock" is missing. ` +
      'On Debian and Ubuntu: apt-get install -y util-linux',
  );
}

async function refusal(file: FileHandle, directory: string): Promise<Error> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
  const pid = buffer.toString('latin1', 0, bytesRead).trim();
  const owner = pid === '' ? 'another process' : `the process with pid ${pid}`;
  return storeUnavailable(
    `the directory ${shown(directory)} is in use by ${owner}, and only one process at a time can ` +
      'own it: stop that one first, or give this one a directory of its own',
  );
}
