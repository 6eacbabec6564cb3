/** What a command's exit code says. Scripts depend on these. */
import { constants } from 'node:os';
import { type ErrorCode, ResultdError } from '../errors.js';
import { UsageError } from './arguments.js';

export const EXIT_CODES = {
  success: { code: 0, meaning: 'success' },
  failed: { code: 1, meaning: 'the task failed' },
  usage: { code: 2, meaning: 'the command line, or what it was given to read, is not valid' },
  notReady: { code: 3, meaning: 'the task is not ready in time, or unknown' },
  unreachable: {
    code: 4,
    meaning: 'the service or the store could not be asked, or refuses to answer',
  },
  conflict: {
    code: 5,
    meaning: 'the task has another outcome already, and --replace was not given',
  },
  defect: { code: 70, meaning: 'a defect of resultd itself' },
  notWritten: { code: 74, meaning: 'the output could not be written, say for a full disk' },
  notStored: {
    code: 125,
    meaning: 'exec alone: the command was not run, or its outcome could not be stored',
  },
  notExecutable: { code: 126, meaning: 'exec alone: the command cannot be run' },
  notFound: { code: 127, meaning: 'exec alone: there is no such command' },
  signal: { code: 128, meaning: 'and n more: ended by signal n' },
} as const;

const BY_ERROR: Partial<Record<ErrorCode, number>> = {
  'invalid-body': EXIT_CODES.usage.code,
  'invalid-parameter': EXIT_CODES.usage.code,
  'invalid-task-id': EXIT_CODES.usage.code,
  'too-large': EXIT_CODES.usage.code,
  'media-type': EXIT_CODES.usage.code,
  'route-unknown': EXIT_CODES.usage.code,
  'method-not-allowed': EXIT_CODES.usage.code,
  unsupported: EXIT_CODES.usage.code,
  'task-unknown': EXIT_CODES.notReady.code,
  'task-removed': EXIT_CODES.notReady.code,
  'not-ready': EXIT_CODES.notReady.code,
  'outcome-conflict': EXIT_CODES.conflict.code,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT_CODES.usage.code;
  if (!(error instanceof ResultdError)) return EXIT_CODES.defect.code;
  return BY_ERROR[error.code] ?? EXIT_CODES.unreachable.code;
}

/** What a shell has for a command that the signal ended. */
export function codeOfSignal(signal: NodeJS.Signals): number {
  return EXIT_CODES.signal.code + constants.signals[signal];
}
