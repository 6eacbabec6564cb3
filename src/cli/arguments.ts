/**
 * Reads the arguments of a command, strictly: a flag that the command does not have is a mistake, and so
 * is one too many of anything. All mistakes are told at once, by name.
 */

import { parseArgs } from 'node:util';
import { shown, withoutCredentials } from '../errors.js';
import type { Command, ParsedArguments } from './command.js';
import type { Flags, FlagValues } from './flags.js';

/** The command line is wrong, or what it was given to read: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Throws a `UsageError` that names every mistake. */
export function parseArguments<F extends Flags>(
  args: readonly string[],
  command: Command<F>,
): ParsedArguments<F> {
  const mistakes: string[] = [];
  const { own, program } = splitProgram(args, command, mistakes);
  const { positionals, flags } = readTokens(own, command, mistakes);
  const { least, most } = command.positionals;
  if (positionals.length < least) mistakes.push(`an argument is missing: ${command.synopsis}`);
  for (const extra of positionals.slice(most))
    mistakes.push(`${shown(extra)} is one argument too many`);
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\n'));
  return { positionals, flags: flags as FlagValues<F>, program };
}

/** Whether help is asked for. What a program is given is the program's. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  return own.includes('--help') || own.includes('-h');
}

function splitProgram<F extends Flags>(
  args: readonly string[],
  { runsProgram }: Command<F>,
  mistakes: string[],
): { own: readonly string[]; program: readonly string[] } {
  if (runsProgram !== true) return { own: args, program: [] };
  const at = args.indexOf('--');
  const program = at < 0 ? [] : args.slice(at + 1);
  if (program.length === 0) mistakes.push('there is no command: write it after --');
  return { own: at < 0 ? args : args.slice(0, at), program };
}

function readTokens<F extends Flags>(
  args: readonly string[],
  command: Command<F>,
  mistakes: string[],
): { positionals: string[]; flags: Record<string, unknown> } {
  const options = Object.fromEntries(
    Object.entries(command.flags).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const positionals: string[] = [];
  const flags: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(command.flags, token.name) ? command.flags[token.name] : undefined;
    const mistake =
      flag === undefined || token.rawName !== `--${token.name}`
        ? `${token.rawName} is not a flag of this command; an argument that starts with - stands after --`
        : mistakeIn(token, flag.placeholder);
    if (mistake !== undefined) {
      mistakes.push(mistake);
      continue;
    }
    const value = flag!.parse(token.value ?? '', flags[token.name]);
    if (value !== undefined) {
      flags[token.name] = value;
    } else {
      const text = shown(withoutCredentials(token.value!));
      mistakes.push(`${token.rawName} is ${text}, which is not a valid ${flag!.placeholder}`);
    }
  }
  return { positionals, flags };
}

function mistakeIn(
  { rawName, value }: { readonly rawName: string; readonly value?: string | undefined },
  placeholder: string | undefined,
): string | undefined {
  if (placeholder === undefined && value !== undefined) return `${rawName} takes no value`;
  if (placeholder !== undefined && value === undefined) {
    return `${rawName} has no value: write ${rawName} ${placeholder}`;
  }
  return undefined;
}
