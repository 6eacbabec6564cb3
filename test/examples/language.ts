/**
 * The worker and the client of one language, as the commands that start them. All languages take the
 * same arguments, read the same messages and acknowledge in the same way: see examples/README.md.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../support/markdown.js';

type Command = readonly [program: string, ...args: string[]];

export interface Language {
  readonly name: string;
  /** Takes the service's URL and for how many seconds it retries. */
  readonly worker: Command;
  /** Takes the service's URL, a task id and for how many seconds it waits. */
  readonly client: Command;
  /** What the worker stores where the function `fail` fails with this message. */
  readonly failure: (message: string) => Readonly<Record<string, unknown>>;
}

/** Python would write next to the examples otherwise. */
export const ENVIRONMENT = { PYTHONDONTWRITEBYTECODE: '1' };

/** Where a file of the examples is. */
export function inExamples(path: string): string {
  return join(ROOT, 'examples', path);
}

/** Throws where one of the programs is missing, and says how to get it. */
export function requirePrograms(programs: readonly string[]): void {
  const missing = programs.filter((name) => {
    return spawnSync('bash', ['-c', `command -v ${name}`]).status !== 0;
  });
  if (missing.length > 0) {
    throw new Error(`${missing.join(', ')}: missing. Type: bash scripts/install-test-programs.sh`);
  }
}
