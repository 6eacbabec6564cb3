/** The worker and the client in Go, compiled from the standard library alone. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ROOT } from '../support/markdown.js';
import { clientTests } from './client-suite.js';
import { inExamples, type Language, requirePrograms } from './language.js';
import { workerTests } from './worker-suite.js';

requirePrograms(['go']);
const go = await buildGo(t, inExamples('worker-go'));

const language: Language = {
  name: 'go',
  worker: [join(go, 'worker')],
  client: [join(go, 'client')],
  failure: (message) => ({
    exc_type: 'ValueError',
    exc_message: [message],
    exc_module: 'main',
    exc_cause: null,
  }),
};

workerTests(language);
clientTests(language);

/**
 * Builds the module without a network and without another Go than the one that is there, and gives
 * the folder of its programs. What it compiles on the way is kept in dist for the next time.
 */
async function buildGo(t: Test, module: string): Promise<string> {
  const programs = await mkdtemp(join(tmpdir(), 'resultd-go-'));
  t.teardown(() => rm(programs, { recursive: true }));
  const env = {
    ...process.env,
    GOENV: 'off',
    GOFLAGS: '-mod=mod',
    GOTOOLCHAIN: 'local',
    GOPROXY: 'off',
    GOCACHE: join(ROOT, 'dist/go-cache'),
    GOPATH: join(ROOT, 'dist/go'),
    CGO_ENABLED: '0',
  };
  for (const args of [
    ['build', '-o', `${programs}/`, './...'],
    ['vet', './...'],
  ]) {
    const { status, stderr } = spawnSync('go', args, { cwd: module, env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`go ${args.join(' ')}: ${stderr}`);
  }
  return programs;
}
