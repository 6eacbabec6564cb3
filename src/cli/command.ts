/**
 * What a command of `resultd` is, and what it is given of the process that it runs in. A command writes,
 * and returns its exit code; only the entry point handles signals and ends the process.
 */

import type { Flags, FlagValues } from '../config/flags.js';
import type { ClientSettings } from '../config.js';

export interface Context {
  readonly settings: ClientSettings;
  /** The whole environment, for a program that a command starts. */
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** From now on the listener is told of signals, and they do nothing else. Returns how to end that. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void;
  /** The listener is told when nobody reads the standard output any more (EPIPE). */
  onOutputGone(listener: () => void): void;
}

export interface ParsedArguments<F extends Flags> {
  readonly positionals: readonly string[];
  readonly flags: FlagValues<F>;
  /** The program to run, and its arguments; empty where the command runs none. */
  readonly program: readonly string[];
}

export interface Command<F extends Flags = Flags> {
  /** What stands after the command's name, such as `ID [flags]`. */
  readonly synopsis: string;
  /** What it does, a paragraph each. */
  readonly description: readonly string[];
  /** How many arguments stand beside the flags. */
  readonly positionals: { readonly least: number; readonly most: number };
  /** What stands after `--` is a program and its arguments, which the command runs. */
  readonly runsProgram?: boolean;
  readonly flags: F;
  /** Resolves to the exit code. */
  run(args: ParsedArguments<F>, context: Context): Promise<number>;
}

/** A command whose flags are typed by its table of them. */
export function defineCommand<F extends Flags>(command: Command<F>): Command<F> {
  return command;
}
