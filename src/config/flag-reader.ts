/**
 * Reads flags, of the service as of every command: strictly, and to the end. What is wrong is told, all
 * of it, by name; and no password of a URL that stands in the wrong place is printed back.
 */
import { parseArgs } from 'node:util';
import { shown, withoutCredentials } from '../errors.js';
import type { Flag, Flags } from './flags.js';

interface ReadFlags {
  readonly positionals: readonly string[];
  /** The values of the flags that were given. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Which flags were given, with a valid value or not. */
  readonly given: ReadonlySet<string>;
  readonly mistakes: string[];
}

/** `whatElse` says what to do about a flag that is not in the table. */
export function readFlags(args: readonly string[], table: Flags, whatElse: string): ReadFlags {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const positionals: string[] = [];
  const mistakes: string[] = [];
  const values: Record<string, unknown> = {};
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName } = token;
    const flag = Object.hasOwn(table, name) ? table[name] : undefined;
    const mistake =
      flag === undefined || rawName !== `--${name}`
        ? `${withoutCredentials(rawName)} ${whatElse}`
        : mistakeIn(token, flag);
    given.add(name);
    if (mistake !== undefined) mistakes.push(mistake);
    else takeValue(flag!, { source: rawName, text: token.value ?? '' }, { name, values, mistakes });
  }
  return { positionals, values, given, mistakes };
}

/** Puts what the text says into the values, or what is wrong with it among the mistakes. */
export function takeValue(
  flag: Flag,
  { source, text }: { readonly source: string; readonly text: string },
  into: { readonly name: string; values: Record<string, unknown>; mistakes: string[] },
): void {
  const value = flag.parse(text, into.values[into.name]);
  if (value !== undefined) {
    into.values[into.name] = value;
    return;
  }
  const given = shown(withoutCredentials(text));
  into.mistakes.push(
    `${source} is ${given}, which is not a valid ${flag.placeholder}: ${flag.help}`,
  );
}

function mistakeIn(
  { rawName, value }: { readonly rawName: string; readonly value?: string | undefined },
  { placeholder }: Flag,
): string | undefined {
  if (placeholder === undefined && value !== undefined) return `${rawName} takes no value`;
  if (placeholder !== undefined && value === undefined) {
    return `${rawName} has no value: write ${rawName} ${placeholder}`;
  }
  return undefined;
}
