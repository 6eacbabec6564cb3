/**
 * The files of a folder, and the task id of each. Worker and client come to the same ids by
 * themselves: nobody hands out a list.
 *
 * A name on disk is bytes, and need not be UTF-8. Here it is a string with one character for each
 * byte (Latin-1), so that nothing is lost and strings sort as the bytes do.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';

/** A path of the folder, with `/` between its parts; one character for each byte. */
export type BytePath = string;

/** The path as the file system takes it. */
export function onDisk(folder: string, path: BytePath): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, 'latin1')]);
}

/** The path as people read it. */
export function shownPath(path: BytePath): string {
  return Buffer.from(path, 'latin1').toString();
}

/**
 * Every file below the folder, sorted. A link that leads nowhere and a folder that cannot be read
 * are in it: they are tasks that fail. Links to folders are not followed. Pipes and the like, which
 * never end, are left out.
 */
export async function listFiles(folder: string): Promise<BytePath[]> {
  const found: BytePath[] = [];
  const walk = async (inside: string): Promise<void> => {
    const entries = await readdir(onDisk(folder, inside), {
      withFileTypes: true,
      encoding: 'latin1',
    });
    for (const entry of entries) {
      const path = inside + entry.name;
      if (entry.isDirectory()) await walk(`${path}/`).catch(() => found.push(path));
      else if (entry.isFile() || (entry.isSymbolicLink() && (await mayBeFile(folder, path)))) {
        found.push(path);
      }
    }
  };
  await walk('');
  return found.sort((a, b) => (a < b ? -1 : 1));
}

async function mayBeFile(folder: string, path: BytePath): Promise<boolean> {
  const target = await stat(onDisk(folder, path)).catch(() => undefined);
  return target === undefined || target.isFile();
}

const LONGEST_ID = 255;

/**
 * The task id of a file: `<job>:<path>`, where `/` is written `:`, and every byte that an id cannot
 * hold is `=` and two hexadecimal digits. A path that is too long ends in `~` and its digest.
 */
export function taskIdOf(job: string, path: BytePath): string {
  const encoded = path.replace(/[^A-Za-z0-9._@+/-]/g, (byte) => {
    return `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  const id = `${job}:${encoded.replaceAll('/', ':')}`;
  if (id.length <= LONGEST_ID) return id;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 32);
  return `${id.slice(0, LONGEST_ID - 33)}~${digest}`;
}
