/** What became of a program, as the outcome of a task. */
import { isUtf8 } from 'node:buffer';
import { basename } from 'node:path';
import { counted, shown } from '../errors.js';
import { type Outcome, opaqueOutcome } from '../record/outcome.js';
import type { ProgramRun } from './child-program.js';
import { type Accompaniment, failureOf, jsonValueIn, successOf } from './outcome-document.js';
import type { ProgramOutput } from './program-output.js';

export interface ProgramOutcomeOptions {
  readonly program: readonly string[];
  readonly output: ProgramOutput;
  readonly labels: Buffer | undefined;
  /** Text is not looked at for JSON. */
  readonly isText: boolean;
  /** Whether the standard output is the result; else it is null. */
  readonly hasOutput: boolean;
  /** Whether a log is stored beside the outcome. */
  readonly hasLog: boolean;
}

/** The outcome; undefined where there is more output than was kept. Bytes have no labels and no log. */
export function outcomeOfRun(run: ProgramRun, options: ProgramOutcomeOptions): Outcome | undefined {
  const { output, labels, isText, hasOutput, hasLog } = options;
  const executionTime = timeOf(run);
  if (run.status !== 0) return failureOfRun(run, options);
  const log = hasLog ? output.logOfSuccess : undefined;
  const accompaniment = { labels, executionTime, log };
  if (!hasOutput) return successOf(Buffer.from('null'), accompaniment);
  if (output.result.isCut) return undefined;
  const { bytes } = output.result;
  if (!isUtf8(bytes)) return opaqueOutcome(bytes, 'application/octet-stream', { executionTime });
  const json = isText ? undefined : jsonValueIn(bytes);
  return successOf(json ?? Buffer.from(JSON.stringify(bytes.toString())), accompaniment);
}

/** What is stored in the place of an outcome that is too large. */
export function tooLargeOutcome(
  run: ProgramRun,
  { output, labels }: ProgramOutcomeOptions,
): Outcome {
  const message =
    `the standard output has ${counted(output.result.size, 'byte')}, which is too much for an ` +
    'outcome: let the command write it elsewhere and print a reference to it, or use --no-output';
  return failureOf(
    { exc_type: 'OutputTooLarge', exc_message: [message], exit_status: run.status ?? null },
    { labels, executionTime: timeOf(run) },
  );
}

/**
 * The exception. Its arguments are what happened and the tail of the error output; what is known
 * besides has keys of its own.
 */
function failureOfRun(
  run: ProgramRun,
  { program: [file = ''], output, labels, hasLog }: ProgramOutcomeOptions,
): Outcome {
  const { status, signal, failure } = run;
  const accompaniment: Accompaniment = {
    labels,
    executionTime: timeOf(run),
    log: hasLog ? output.logOfFailure : undefined,
  };
  if (failure !== undefined) {
    const exception = {
      exc_type: 'CommandNotStarted',
      exc_message: [whyNotStarted(failure, file)],
    };
    return failureOf(exception, accompaniment);
  }
  const name = basename(file);
  const message =
    signal === undefined
      ? `${name} exited with status ${status}`
      : `${name} was ended by ${signal}`;
  const tail = output.reason;
  const exception = {
    exc_type: 'CommandFailed',
    exc_message: tail === '' ? [message] : [message, tail],
    exit_status: status ?? null,
    signal: signal ?? null,
  };
  return failureOf(exception, accompaniment);
}

/** Why a program could not be started, in words. */
export function whyNotStarted({ code, errno }: NodeJS.ErrnoException, name: string): string {
  if (code === 'ENOENT') return `there is no command ${shown(name)}`;
  if (code === 'EACCES') return `the command ${shown(name)} may not be executed`;
  return `the command ${shown(name)} cannot be started: ${code ?? errno}`;
}

function timeOf({ seconds }: ProgramRun): string {
  return String(Number(seconds.toFixed(3)));
}
