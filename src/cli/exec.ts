/**
 * `resultd exec`: runs any program as a task. It says STARTED, and stores what became of the program:
 * its standard output, or why it failed.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { ResultdError, shown } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import type { Outcome } from '../record/outcome.js';
import type { ResultBackend } from '../result-backend.js';
import { isPassing, persist } from '../timing.js';
import { parseSize } from '../units.js';
import { type ProgramRun, runProgram } from './child-program.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { backendOf, urlOf } from './connection.js';
import { codeOfSignal, EXIT_CODES } from './exit-codes.js';
import { CONNECTION_FLAGS, durationFlag, STORING_FLAGS, switchFlag } from './flags.js';
import { KeptBytes } from './kept-bytes.js';
import { parseLabels } from './outcome-document.js';
import { outcomeOfRun, tooLargeOutcome, whyNotStarted } from './program-outcome.js';
import { LONGEST_PAUSE_MS, store } from './storing.js';

/** The largest output that is kept by default. A service takes bodies of 8 MiB by default. */
const OUTPUT_BYTES = 8 * 1_024 * 1_024;
const TAIL_BYTES = 16 * 1_024;
/** How long the program waits for STARTED to be stored. */
const START_MS = 5_000;
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
  ...CONNECTION_FLAGS,
};

export const exec = defineCommand({
  synopsis: 'ID [flags] -- COMMAND [ARGUMENT…]',
  description: [
    'Runs the command as a task: says STARTED, passes its output and the signals on, and stores what ' +
      'became of it. Its standard output is the result: JSON where it is JSON, else text, or bytes ' +
      '(application/octet-stream) where it is not UTF-8. Where it fails, its exit status and the tail of ' +
      'its error output are the exception.',
    'It exits as the command did, with 128+n where signal n ended it, and with 125 where the outcome ' +
      'could not be stored. Where the service cannot be asked the command runs all the same.',
    'The command finds RESULTD_TASK_ID and RESULTD_URL in its environment, so that it can report ' +
      'progress.',
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
  /** The signal that came before the program ran. */
  #earlySignal: NodeJS.Signals | undefined;
  /** What a signal does now. One is always listened for: else it would end this process. */
  #onSignal = (signal: NodeJS.Signals): void => {
    this.#earlySignal ??= signal;
  };

  constructor(args: ParsedArguments<typeof FLAGS>, context: Context) {
    this.#args = args;
    this.#context = context;
    this.#taskId = args.positionals[0] ?? '';
    this.#labels = parseLabels(args.flags.labels);
    checkTaskId(this.#taskId);
  }

  async run(): Promise<number> {
    const { flags } = this.#args;
    const backend = await backendOf(flags, this.#context, flags['retry-for']);
    const stopListening = this.#context.onSignal((signal) => this.#onSignal(signal));
    try {
      const refusal = await this.#sayStarted(backend);
      if (refusal !== undefined) {
        this.#warn(`the command was not run: ${refusal.message}`);
        return EXIT_CODES.notStored.code;
      }
      if (this.#earlySignal !== undefined) return codeOfSignal(this.#earlySignal);
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

  /** Says STARTED, if it can be said in time. Resolves to why no outcome could ever be stored. */
  async #sayStarted(backend: ResultBackend): Promise<ResultdError | undefined> {
    const said = new AbortController();
    const saying = persist(
      async () => {
        await backend.startup();
        // Too late it would take the place of what the program has reported since.
        if (!said.signal.aborted) await backend.setProgress(this.#taskId, { state: 'STARTED' });
      },
      { withinMs: START_MS, longestPauseMs: LONGEST_PAUSE_MS, signal: said.signal },
    ).then(() => 'said' as const);
    saying.catch(() => {});
    const tooLate = pause(START_MS, 'late' as const, { signal: said.signal });
    tooLate.catch(() => {});
    try {
      const result = await Promise.race([saying, tooLate]);
      if (result === 'late')
        this.#warn('STARTED is not stored in time; the command runs all the same');
    } catch (error) {
      if (!(error instanceof ResultdError)) throw error;
      if (!isPassing(error)) return error;
      this.#warn(`STARTED is not stored, and the command runs all the same: ${error.message}`);
    } finally {
      said.abort();
    }
    return undefined;
  }

  #runProgram(): Promise<ProgramRun> {
    const { program, flags } = this.#args;
    const { env, stdout, stderr } = this.#context;
    const bound = flags['no-output'] === true ? 0 : (flags['max-output'] ?? OUTPUT_BYTES);
    return runProgram(program, {
      env: { ...env, RESULTD_TASK_ID: this.#taskId, RESULTD_URL: urlOf(flags, this.#context) },
      stdout,
      stderr,
      keep: { stdout: new KeptBytes(bound, 'first'), stderr: new KeptBytes(TAIL_BYTES, 'last') },
      onRunning: (passOn) => {
        this.#onSignal = passOn;
      },
    });
  }

  /** Whether what became of the program is stored: it, and not that it was too large for that. */
  async #store(backend: ResultBackend, run: ProgramRun): Promise<boolean> {
    const { program, flags } = this.#args;
    const options = {
      program,
      labels: this.#labels,
      isText: flags.text === true,
      hasOutput: flags['no-output'] !== true,
    };
    const outcome = outcomeOfRun(run, options);
    let error = outcome === undefined ? undefined : await this.#storeOne(backend, outcome);
    if (outcome !== undefined && error === undefined) return true;
    if (outcome === undefined || error?.code === 'too-large') {
      this.#warn(`its standard output is too much for an outcome: ${run.stdout.size} bytes`);
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
  async #storeOne(backend: ResultBackend, outcome: Outcome): Promise<ResultdError | undefined> {
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
        withinMs: flags['retry-for'] ?? RETRY_MS,
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
