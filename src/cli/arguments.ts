/**
 * Reads the arguments of a command, strictly: a flag that the command does not have is a mistake, and so
 * is one too many of anything. All mistakes are told at once, by name.
 */

import { readFlags } from '../config/flag-reader.js';
import type { Flags, FlagValues } from '../config/flags.js';
import { shown } from '../errors.js';
import type { Command, ParsedArguments } from './command.js';

/** The command line is wrong, or what it was given to read: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The arguments, and every mistake in them: where there is one they are not to be used. */
export function readArguments<F extends Flags>(
  args: readonly string[],
  command: Command<F>,
): { readonly parsed: ParsedArguments<F>; readonly mistakes: readonly string[] } {
  const { own, program } = splitProgram(args, command);
  const { positionals, values, mistakes } = readFlags(own, command.flags, NO_FLAG);
  if (command.runsProgram === true && program.length === 0) {
    mistakes.push('there is no command: write it after --');
  }
  const { least, most } = command.positionals;
  if (positionals.length < least) mistakes.push(`an argument is missing: ${command.synopsis}`);
  for (const extra of positionals.slice(most)) {
    mistakes.push(`${shown(extra)} is one argument too many`);
  }
  return { parsed: { positionals, flags: values as FlagValues<F>, program }, mistakes };
}

const NO_FLAG = 'is not a flag of this command; an argument that starts with - stands after --';

/** Whether help is asked for. What a program is given is the program's. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  return own.includes('--help') || own.includes('-h');
}

function splitProgram<F extends Flags>(
  args: readonly string[],
  { runsProgram }: Command<F>,
): { own: readonly string[]; program: readonly string[] } {
  const at = runsProgram === true ? args.indexOf('--') : -1;
  return at < 0
    ? { own: args, program: [] }
    : { own: args.slice(0, at), program: args.slice(at + 1) };
}
