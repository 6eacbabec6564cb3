/**
 * The programs that check the API's description and generate clients from it: real ones, of three
 * languages, kept in `dist/generators` for the next time. Each of them comes from its own registry.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { DirectoryLock } from '../../src/backends/lmdb/directory-lock.js';
import { ROOT } from '../support/markdown.js';
import type { Service } from '../support/service.js';
import { until } from '../support/until.js';

/** The description as it is checked in: what somebody downloads. */
export const DESCRIPTION = join(ROOT, 'openapi.yaml');
export const PROGRAMS = join(ROOT, 'test/generated-clients/programs');
const GENERATORS = join(ROOT, 'dist/generators');
const PYTHON_PACKAGES = ['openapi-python-client==0.29.1', 'mypy==2.4.1'];
const OAPI_CODEGEN = 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2';

const execute = promisify(execFile);

/** Runs a program to its end, and gives what it wrote. Throws with all of it where it failed. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    return (await execute(command, args, { maxBuffer: 64 * 1_024 * 1_024, ...options })).stdout;
  } catch (error) {
    const { message, stdout } = error as Error & { stdout?: string };
    throw new Error(`${message} ${stdout}`);
  }
}

/** An empty folder in `dist/generators`. */
export function emptyFolder(name: string): string {
  const folder = join(GENERATORS, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * A folder of `dist/generators` that is filled once for each content of `stamp`, by one process: files
 * that need the same run side by side.
 */
async function filledOnce(
  name: string,
  stamp: string,
  fill: (folder: string) => Promise<unknown>,
): Promise<string> {
  const folder = join(GENERATORS, name);
  const filledWith = join(folder, '.filled');
  const locked = `${folder}.lock`;
  mkdirSync(locked, { recursive: true });
  let lock: DirectoryLock | undefined;
  await until(`nobody else fills ${folder}`, async () => {
    lock = await DirectoryLock.acquire(locked).catch(() => undefined);
    return lock !== undefined;
  });
  if (!existsSync(filledWith) || readFileSync(filledWith, 'utf8') !== stamp) {
    await fill(emptyFolder(name));
    writeFileSync(filledWith, stamp);
  }
  await lock!.release();
  return folder;
}

/** The folder with the `node_modules` of `tools/package.json`. */
export function nodeTools(): Promise<string> {
  const source = join(ROOT, 'test/generated-clients/tools');
  return filledOnce(
    'node',
    readFileSync(join(source, 'package-lock.json'), 'utf8'),
    async (folder) => {
      cpSync(source, folder, { recursive: true });
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    },
  );
}

/** The folder of the programs of a virtual environment. */
export async function pythonTools(): Promise<string> {
  const folder = await filledOnce('python', PYTHON_PACKAGES.join(' '), async (made) => {
    await run('python3', ['-m', 'venv', made]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    await run(join(made, 'bin/python'), [...pip, ...PYTHON_PACKAGES]);
  });
  return join(folder, 'bin');
}

/** The generator for Go. */
export async function goGenerator(): Promise<string> {
  const folder = await filledOnce('go', OAPI_CODEGEN, (made) =>
    run('go', ['install', OAPI_CODEGEN], { env: { ...process.env, GOBIN: made, GOFLAGS: '' } }),
  );
  return join(folder, 'oapi-codegen');
}

/** What a generated client has to have seen: the same in every language. */
export async function checkSeen(t: Test, service: Service, output: string): Promise<void> {
  const seen = JSON.parse(output) as Record<string, unknown>;
  const outcome = { is_err: false, log: null, execution_time: 0, labels: {}, error: null };
  t.same(seen.null, { ...outcome, return_value: null }, 'it posts a success that is null');
  const precise = { ...outcome, return_value: 1234567.891, execution_time: 1234567.891 };
  t.same(seen.precise, precise, 'it posts a precise number');
  const { text } = await service.call('GET', '/v1/tasks/precise/result');
  t.match(text, '"return_value":1234567.891,"execution_time":1234567.891', 'as it was');
  t.same(seen.waited, { ...outcome, return_value: 'at last' }, 'it waits');
  t.match(
    seen.problem,
    { type: 'urn:resultd:problem:task-unknown', status: 404, detail: /unknown/ },
    'it sees a problem',
  );
}
