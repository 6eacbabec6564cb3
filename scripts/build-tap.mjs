// Builds tap with the plugins that .taprc asks for, where it is not yet. The runner does that by
// itself, but it has loaded its own plugins by then: the first run after an install would still
// load TypeScript's, which does not work with this compiler.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const built = readFileSync(new URL(import.meta.resolve('@tapjs/test/built')), 'utf8');
if (built.includes('@tapjs/typescript')) {
  const { status } = spawnSync('tap', ['build'], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
