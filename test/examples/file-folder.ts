/** A folder of real and awkward files, and what the workers should find in it. */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url));

/** What one task should come to. */
export interface Expected {
  /** The path as it is shown. */
  readonly path: string;
  readonly taskPart: string;
  /** The JSON of the `return_value`; undefined where the file cannot be read. */
  readonly returnValue: string | undefined;
  /** The columns of the table after the file's name, white space squeezed. */
  readonly columns: string;
}

/** A folder with copies of this project's own sources only. */
export async function sourceFolder(t: Test): Promise<string> {
  const folder = await freshFolder(t);
  await cp(SOURCES, join(folder, 'src'), { recursive: true });
  return folder;
}

/** The same, with everything beside them that a file system may hold. */
export async function awkwardFolder(t: Test): Promise<string> {
  const folder = await sourceFolder(t);
  const long = 'a-long-name-'.repeat(15);
  await mkdir(join(folder, 'deep', long), { recursive: true });
  await Promise.all([
    writeFile(join(folder, 'empty'), ''),
    writeFile(join(folder, 'binary.bin'), Buffer.from(Array.from({ length: 1_000 }, (_, n) => n))),
    writeFile(join(folder, 'naïve – 文件.txt'), 'un déjeuner\n\t\u000bà   Paris'),
    writeFile(join(folder, 'a b:c=d~%2F+@.txt'), 'no line feed'),
    writeFile(join(folder, 'line\nfeed'), '\r\n\r\n x\u0000'.replace('\u0000', '')),
    writeFile(Buffer.concat([Buffer.from(`${folder}/latin-`), Buffer.from([0xe9])]), 'é\n'),
    writeFile(join(folder, 'deep', long, `${long}.txt`), 'found\n'),
    // Larger than the pieces in which it is read, with words across their borders.
    writeFile(join(folder, 'zz-large.txt'), 'seven77 '.repeat(2_500_001)),
    symlink('nowhere', join(folder, 'dangling')),
    symlink('src/errors.ts', join(folder, 'link-to-file')),
    symlink('.', join(folder, 'link-to-folder')),
  ]);
  return folder;
}

async function freshFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'resultd-files-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** What a file of these bytes should come to. It is worked out apart from the workers' own way. */
export function expectedOf(path: string, taskPart: string, bytes: Buffer | undefined): Expected {
  if (bytes === undefined) {
    return { path, taskPart, returnValue: undefined, columns: 'FAILURE FileUnreadable: ENOENT' };
  }
  const text = bytes.toString('latin1');
  const isBinary = text.includes('\u0000');
  const lines = isBinary ? null : text.split('\n').length - 1;
  const words = isBinary ? null : (text.match(/[^\t-\r ]+/g)?.length ?? 0);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    path,
    taskPart,
    returnValue: JSON.stringify({ path, lines, words, bytes: bytes.length, sha256 }),
    columns: `SUCCESS ${lines ?? '-'} ${words ?? '-'} ${bytes.length} ${sha256.slice(0, 16)}`,
  };
}
