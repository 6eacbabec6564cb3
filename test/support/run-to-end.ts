/** A program that is run to its end, and what it printed. */
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export interface Run {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Resolves when the program has ended and all of its output has come. */
export async function runToEnd(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Run> {
  const text = { output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text.output += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    text.errors += piece;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...text };
}
