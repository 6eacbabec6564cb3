// Runs the tests on the newest Node of the line 26, which npm's registry has as a package.
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { nodeRelease } from '../dist/test/support/node-versions.js';

const bin = await nodeRelease('26');
const { status } = spawnSync(
  join(bin, 'node'),
  ['dist/test/runner/main.js', ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` } },
);
process.exitCode = status ?? 1;
