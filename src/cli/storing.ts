/** Writes for `set`, `fail`, `progress` and `consume`: again where the service could not be asked. */

import { CONNECTION_FLAGS, durationFlag, JSON_FLAG, STORING_FLAGS } from '../config/flags.js';
import { outcomeConflict, ResultdError } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import type { Outcome } from '../record/outcome.js';
import { unknownStatusView } from '../record/snapshot.js';
import type { ResultBackend, WriteReceipt } from '../result-backend.js';
import { persist } from '../timing.js';
import type { Context } from './command.js';
import { backendOf, type ConnectionFlags, LONGEST_PAUSE_MS } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';

/** How long is gone on by default where the service cannot be asked. */
const RETRY_MS = 30_000;

export const RETRY_FLAG = durationFlag(
  'How long to go on where the service cannot be asked (default 30s)',
);

/** The flags of every command that writes. */
export const WRITING_FLAGS = {
  'retry-for': RETRY_FLAG,
  ...CONNECTION_FLAGS,
  json: JSON_FLAG,
};

/** The flags of `set` and `fail` after their own. */
export const REPORT_FLAGS = {
  ...STORING_FLAGS,
  'execution-time': {
    placeholder: 'SECONDS',
    help: 'How long the task took',
    parse: (text: string) => (/^(0|[1-9]\d{0,11})(\.\d{1,9})?$/.test(text) ? text : undefined),
  },
  ...WRITING_FLAGS,
};

interface WritingFlags extends ConnectionFlags {
  readonly 'retry-for'?: number | undefined;
  readonly json?: boolean | undefined;
}

interface ReportFlags extends WritingFlags {
  readonly ttl?: number | undefined;
  readonly replace?: boolean | undefined;
}

/** What a command was called with. */
interface Call<F> {
  readonly flags: F;
  readonly context: Context;
}

/** Does something with the backend, again where it could not be asked. `what` is said of the first time. */
export async function persistently<T>(
  { flags, context, what }: Call<WritingFlags> & { readonly what: string },
  use: (backend: ResultBackend) => Promise<T>,
): Promise<T> {
  const withinMs = flags['retry-for'] ?? RETRY_MS;
  const backend = await backendOf(flags, context, withinMs);
  const attempt = async (): Promise<T> => {
    await backend.startup();
    return use(backend);
  };
  try {
    return await persist(attempt, {
      withinMs,
      longestPauseMs: LONGEST_PAUSE_MS,
      onFailure: ({ message }, count) => {
        if (count === 1) context.stderr.write(`resultd: ${what}, trying again: ${message}\n`);
      },
    });
  } finally {
    await backend.shutdown();
  }
}

/** Writes one task; with `--json` prints its status. Returns the exit code. */
export async function write(
  taskId: string,
  call: Call<WritingFlags>,
  writeOnce: (backend: ResultBackend) => Promise<WriteReceipt>,
): Promise<number> {
  checkTaskId(taskId);
  const { snapshot } = await persistently({ ...call, what: 'not stored yet' }, writeOnce);
  const { flags, context } = call;
  if (flags.json === true) {
    context.stdout.write(`${snapshot?.toStatusView() ?? unknownStatusView(taskId)}\n`);
  }
  return EXIT_CODES.success.code;
}

/** Stores the outcome, likewise. */
export function report(taskId: string, outcome: Outcome, call: Call<ReportFlags>): Promise<number> {
  const { flags } = call;
  return write(taskId, call, (backend) => store(backend, { taskId, outcome, flags }));
}

/** One attempt. Throws what the contract throws, a conflict in the words of the command line. */
export async function store(
  backend: ResultBackend,
  {
    taskId,
    outcome,
    flags,
  }: { readonly taskId: string; readonly outcome: Outcome; readonly flags: ReportFlags },
): Promise<WriteReceipt> {
  try {
    return await backend.setResult(taskId, outcome, {
      mode: flags.replace === true ? 'replace' : 'create',
      ttlMs: flags.ttl,
    });
  } catch (error) {
    if (!(error instanceof ResultdError) || error.code !== 'outcome-conflict') throw error;
    const { message } = outcomeConflict(taskId, error.taskState ?? 'ready');
    throw new ResultdError('outcome-conflict', message.replace('use PUT', 'add --replace'), {
      cause: error,
    });
  }
}
