/** The command line of worker and client, which is the same, and how both end. */
import { parseArgs } from 'node:util';
import { GaveUp } from './http.js';

export interface Options {
  readonly folder: string;
  /** Where the service is, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** What the task ids start with: the same folder under another job is other tasks. */
  readonly job: string;
  readonly concurrency: number;
  /** How long the client waits in all, in seconds. */
  readonly timeout: number;
}

const USAGE = `<folder> [--url http://127.0.0.1:8080] [--job file-stats] [--concurrency n] [--timeout s]`;

/** The options; ends the process with code 2 where they are not valid. */
export function readOptions(defaults: { concurrency: number }): Options {
  try {
    return parse(defaults);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nusage: ${USAGE}\n`);
    process.exit(2);
  }
}

/** Runs a program; what nobody but its user can mend is said in a line, with code 1. */
export async function main(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    const isExpected = error instanceof GaveUp || (error as NodeJS.ErrnoException).code;
    if (!isExpected) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}

function parse(defaults: { concurrency: number }): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      job: { type: 'string', default: 'file-stats' },
      concurrency: { type: 'string', default: String(defaults.concurrency) },
      timeout: { type: 'string', default: '600' },
    },
  });
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new Error('name one folder');
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(values.job)) {
    throw new Error('--job takes 1 to 64 characters of A-Z a-z 0-9 . _ -');
  }
  return {
    folder,
    url: new URL(values.url).origin,
    job: values.job,
    concurrency: positive('concurrency', values.concurrency),
    timeout: positive('timeout', values.timeout),
  };
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} takes a number above 0`);
  return Number(text);
}
