/**
 * Go without a network, without another toolchain than the one that is there, and without what the
 * machine's user has set. What it compiles on the way is kept in `dist` for the next time.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ROOT } from '../support/markdown.js';

/** Added to the environment of every `go`. */
export const GO_ENVIRONMENT = {
  GOENV: 'off',
  GOFLAGS: '-mod=mod',
  GOTOOLCHAIN: 'local',
  GOPROXY: 'off',
  GOCACHE: join(ROOT, 'dist/go-cache'),
  GOPATH: join(ROOT, 'dist/go'),
  CGO_ENABLED: '0',
};

/** Builds and vets a module, and gives the folder of its programs, which is gone after the test. */
export async function buildGo(t: Test, module: string): Promise<string> {
  const programs = await mkdtemp(join(tmpdir(), 'resultd-go-'));
  t.teardown(() => rm(programs, { recursive: true }));
  for (const args of [
    ['build', '-o', `${programs}/`, './...'],
    ['vet', './...'],
  ]) {
    const { status, stderr } = spawnSync('go', args, {
      cwd: module,
      env: { ...process.env, ...GO_ENVIRONMENT },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`go ${args.join(' ')}: ${stderr}`);
  }
  return programs;
}
