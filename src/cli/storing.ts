/** Stores an outcome for `set` and `fail`, and says so where JSON is asked for. */

import { outcomeConflict, ResultdError } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import type { Outcome } from '../record/outcome.js';
import { unknownStatusView } from '../record/snapshot.js';
import type { ResultBackend, WriteReceipt } from '../result-backend.js';
import { persist } from '../timing.js';
import type { Context } from './command.js';
import { backendOf, type ConnectionFlags } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { CONNECTION_FLAGS, durationFlag, JSON_FLAG, STORING_FLAGS } from './flags.js';

/** How long `set` and `fail` go on by default where the service cannot be asked. */
const RETRY_MS = 30_000;
/** The longest pause between two attempts to store. */
export const LONGEST_PAUSE_MS = 5_000;

/** The flags of `set` and `fail` after their own. */
export const REPORT_FLAGS = {
  ...STORING_FLAGS,
  'execution-time': {
    placeholder: 'SECONDS',
    help: 'How long the task took',
    parse: (text: string) => (/^(0|[1-9]\d{0,11})(\.\d{1,9})?$/.test(text) ? text : undefined),
  },
  'retry-for': durationFlag('How long to go on where the service cannot be asked (default 30s)'),
  ...CONNECTION_FLAGS,
  json: JSON_FLAG,
};

export interface ReportFlags extends ConnectionFlags {
  readonly ttl?: number | undefined;
  readonly replace?: boolean | undefined;
  readonly 'retry-for'?: number | undefined;
  readonly json?: boolean | undefined;
}

/** Stores the outcome; with `--json` prints the task's status. Returns the exit code. */
export async function report(
  taskId: string,
  outcome: Outcome,
  { flags, context }: { readonly flags: ReportFlags; readonly context: Context },
): Promise<number> {
  checkTaskId(taskId);
  const forMs = flags['retry-for'] ?? RETRY_MS;
  const backend = await backendOf(flags, context, forMs);
  try {
    const { snapshot } = await persist(
      async () => {
        await backend.startup();
        return store(backend, { taskId, outcome, flags });
      },
      {
        withinMs: forMs,
        longestPauseMs: LONGEST_PAUSE_MS,
        onFailure: ({ message }, attempt) => {
          if (attempt > 1) return;
          context.stderr.write(`resultd: not stored yet, trying again: ${message}\n`);
        },
      },
    );
    if (flags.json === true) {
      context.stdout.write(`${snapshot?.toStatusView() ?? unknownStatusView(taskId)}\n`);
    }
    return EXIT_CODES.success.code;
  } finally {
    await backend.shutdown();
  }
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
