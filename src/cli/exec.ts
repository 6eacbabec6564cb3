/**
 * `resultd exec`: runs any program as a task. It says STARTED, and stores what became of the program:
 * its standard output, or why it failed.
 */

import { CONNECTION_FLAGS, durationFlag, STORING_FLAGS, switchFlag } from '../config/flags.js';
import { counted, ResultdError, shown } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import type { Outcome } from '../record/outcome.js';
import type { ResultBackend } from '../result-backend.js';
import { isPassing, persist } from '../timing.js';
import { parseSize } from '../units.js';
import { type ProgramRun, runProgram } from './child-program.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { backendOf, LONGEST_PAUSE_MS, urlOf } from './connection.js';
import { codeOfSignal, EXIT_CODES } from './exit-codes.js';
import { parseLabels } from './outcome-document.js';
import {
  outcomeOfRun,
  type ProgramOutcomeOptions,
  tooLargeOutcome,
  whyNotStarted,
} from './program-outcome.js';
import { ProgramOutput } from './program-output.js';
import { beginTask } from './starting.js';
import { store } from './storing.js';

/** The largest output that is kept by default. A service takes bodies of 8 MiB by default. */
const OUTPUT_BYTES = 8 * 1_024 * 1_024;
const RETRY_MS = 5 * 60_000;

const FLAGS = {
  text: switchFlag('Store the standard output as text, even where it is JSON'),
  'no-output': switchFlag('Store null, whatever the standard output is'),
  'max-output': {
    placeholder: 'SIZE',
    help: 'The largest standard output that can be an outcome (default 8MiB)',
    parse: parseSize,
  },
  'retry-for': durationFlag('How long to go on where the outcome cannot be stored (default 5m)'),
  ...STORING_FLAGS,
  replace: switchFlag('Run the command again: an outcome that is there is removed before'),
  'wait-for-store': durationFlag(
    'Do not run the command before the store has answered; wait so long',
  ),
  ...CONNECTION_FLAGS,
};

export const exec = defineCommand({
  synopsis: 'ID [flags] -- COMMAND [ARGUMENT…]',
  description: [
    'Runs the command as a task: says STARTED, passes its output and the signals on, and stores what ' +
      'became of it. Its standard output is the result: JSON where it is JSON, else text, or bytes ' +
      '(application/octet-stream) where it is not UTF-8; its error output is the log. Where it fails, its ' +
      'exit status and the tail of its error output are the exception, and its standard output is the log.',
    'Where the task has an outcome already, the command is not run. With --replace that outcome is removed ' +
      'first, so that whoever waits gets the new one.',
    'It exits as the command did, with 128+n where signal n ended it, and with 125 where the command was ' +
      'not run, or its outcome could not be stored. Where the service cannot be asked the command runs all ' +
      'the same, but with --replace or --wait-for-store.',
    'The command finds RESULTD_TASK_ID and RESULTD_URL in its environment, so that it can report progress: ' +
      'resultd progress "$RESULTD_TASK_ID" says how.',
  ],
  positionals: { least: 1, most: 1 },
  runsProgram: true,
  flags: FLAGS,
  run: (args, context) => new Execution(args, context).run(),
});

class Execution {
  readonly #taskId: string;
  readonly #args: ParsedArguments<typeof FLAGS>;
  readonly #context: Context;
  readonly #labels: Buffer | undefined;
  readonly #output: ProgramOutput;
  /** What a signal does now. One is always listened for: else it would end this process. */
  #onSignal: (signal: NodeJS.Signals) => void = () => {};

  constructor(args: ParsedArguments<typeof FLAGS>, context: Context) {
    const { flags, positionals } = args;
    this.#args = args;
    this.#context = context;
    this.#taskId = positionals[0] ?? '';
    this.#labels = parseLabels(flags.labels);
    const bound = flags['no-output'] === true ? 0 : (flags['max-output'] ?? OUTPUT_BYTES);
    this.#output = new ProgramOutput(bound);
    checkTaskId(this.#taskId);
  }

  async run(): Promise<number> {
    const backend = await backendOf(this.#args.flags, this.#context, this.#retryMs);
    const stopListening = this.#context.onSignal((signal) => this.#onSignal(signal));
    try {
      const code = await this.#begin(backend);
      if (code !== undefined) return code;
      const run = await this.#runProgram();
      if (run.failure !== undefined) {
        this.#warn(whyNotStarted(run.failure, this.#args.program[0] ?? ''));
      }
      return (await this.#store(backend, run)) ? codeOf(run) : EXIT_CODES.notStored.code;
    } finally {
      await backend.shutdown();
      stopListening();
    }
  }

  get #retryMs(): number {
    return this.#args.flags['retry-for'] ?? RETRY_MS;
  }

  /** Says STARTED. Resolves to the exit code where the command is not to be run. */
  async #begin(backend: ResultBackend): Promise<number | undefined> {
    const { replace, 'wait-for-store': waitMs } = this.#args.flags;
    const interrupted = new AbortController();
    let early: NodeJS.Signals | undefined;
    this.#onSignal = (signal) => {
      early ??= signal;
      interrupted.abort();
    };
    const isNeeded = replace === true || waitMs !== undefined;
    const error = await beginTask(backend, {
      taskId: this.#taskId,
      replaces: replace === true,
      withinMs: waitMs ?? (isNeeded ? this.#retryMs : undefined),
      signal: interrupted.signal,
      onFailure: ({ message }) => {
        if (isNeeded) this.#warn(`the command is not run yet, trying again: ${message}`);
      },
    });
    if (early !== undefined) return codeOfSignal(early);
    if (error === undefined) return undefined;
    if (isNeeded || !isPassing(error)) {
      this.#warn(`the command was not run: ${error.message}`);
      return EXIT_CODES.notStored.code;
    }
    this.#warn(`STARTED is not stored, and the command runs all the same: ${error.message}`);
    return undefined;
  }

  #runProgram(): Promise<ProgramRun> {
    const { program, flags } = this.#args;
    const { env, stdout, stderr } = this.#context;
    return runProgram(program, {
      env: { ...env, RESULTD_TASK_ID: this.#taskId, RESULTD_URL: urlOf(flags, this.#context) },
      stdout,
      stderr,
      onOutput: (name, chunk) => this.#output.add(name, chunk),
      onRunning: (passOn) => {
        this.#onSignal = passOn;
      },
    });
  }

  /** Whether what became of the program is stored: it, and not that it was too large for that. */
  async #store(backend: ResultBackend, run: ProgramRun): Promise<boolean> {
    const { program, flags } = this.#args;
    const options: ProgramOutcomeOptions = {
      program,
      output: this.#output,
      labels: this.#labels,
      isText: flags.text === true,
      hasOutput: flags['no-output'] !== true,
      hasLog: true,
    };
    let error = await this.#storeOne(backend, outcomeOfRun(run, options));
    if (error === undefined) return true;
    if (error.code === 'too-large' && !this.#output.result.isCut) {
      error = await this.#storeOne(backend, outcomeOfRun(run, { ...options, hasLog: false }));
      if (error === undefined) {
        this.#warn('its log is too much to be stored beside the outcome, and is left out');
        return true;
      }
    }
    if (error.code === 'too-large') {
      const size = counted(this.#output.result.size, 'byte');
      this.#warn(`its standard output is too much for an outcome: ${size}`);
      error = await this.#storeOne(backend, tooLargeOutcome(run, options));
    }
    if (error !== undefined) {
      this.#warn(
        `the outcome of task ${shown(this.#taskId)} is NOT stored: ${error.message}. ` +
          `The command has ended with exit code ${codeOf(run)}`,
      );
    }
    return false;
  }

  /** Stores one outcome; resolves to why it is not stored. A signal ends the attempts. */
  async #storeOne(
    backend: ResultBackend,
    outcome: Outcome | undefined,
  ): Promise<ResultdError | undefined> {
    if (outcome === undefined) return new ResultdError('too-large', 'the output is too large');
    const interrupted = new AbortController();
    this.#onSignal = () => interrupted.abort();
    const { flags } = this.#args;
    const storeOnce = async (): Promise<void> => {
      await backend.startup();
      await store(backend, { taskId: this.#taskId, outcome, flags });
    };
    let last: ResultdError | undefined;
    try {
      await persist(storeOnce, {
        withinMs: this.#retryMs,
        longestPauseMs: LONGEST_PAUSE_MS,
        signal: interrupted.signal,
        onFailure: (error, attempt) => {
          last = error;
          if (attempt === 1)
            this.#warn(`the outcome is not stored yet, trying again: ${error.message}`);
        },
      });
      return undefined;
    } catch (error) {
      if (error instanceof ResultdError) return error;
      if (interrupted.signal.aborted && last !== undefined) return last;
      throw error;
    }
  }

  #warn(message: string): void {
    this.#context.stderr.write(`resultd: ${message}\n`);
  }
}

/** As a shell has it. */
function codeOf({ status, signal, failure }: ProgramRun): number {
  if (failure?.code === 'ENOENT') return EXIT_CODES.notFound.code;
  if (failure !== undefined) return EXIT_CODES.notExecutable.code;
  if (signal !== undefined) return codeOfSignal(signal);
  return status ?? EXIT_CODES.defect.code;
}
