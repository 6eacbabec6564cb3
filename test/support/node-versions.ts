/** Other releases of Node, which npm's registry has as packages. */
import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './markdown.js';

const run = promisify(execFile);

/** The folder of the program of a release (`20.19.0`), or of the newest of a line (`24`). */
export async function nodeRelease(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(ROOT, 'dist/nodes', version);
  const bin = join(folder, 'node_modules', name, 'bin');
  const isThere = await access(join(bin, 'node')).then(
    () => true,
    () => false,
  );
  if (isThere) return bin;
  await mkdir(folder, { recursive: true });
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', '--prefix', folder, ...quiet, `${name}@${version}`]);
  return bin;
}
