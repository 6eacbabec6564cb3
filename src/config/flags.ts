/** The flags of commands: how each is written, read and explained. A command has a table of them. */

import { isNamespace } from '../record/names.js';
import { parseTimestamp } from '../record/timestamp.js';
import { parseDuration, parseTtl } from '../units.js';

export interface Flag<T = unknown> {
  /** What its value is called in the help, such as `DURATION`; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly help: string;
  /** Undefined where the text is not valid. `before` is what the same flag was given as before this. */
  parse(text: string, before?: T): T | undefined;
}

export type Flags = Readonly<Record<string, Flag>>;

/** The values of the flags that were given. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T | undefined : never;
};

/** A flag without a value. */
export function switchFlag(help: string): Flag<boolean> {
  return { placeholder: undefined, help, parse: () => true };
}

export function textFlag(placeholder: string, help: string): Flag<string> {
  return { placeholder, help, parse: (text) => text || undefined };
}

export function durationFlag(help: string): Flag<number> {
  return { placeholder: 'DURATION', help, parse: parseDuration };
}

/** A flag that may be given several times. */
export function manyFlag(placeholder: string, help: string): Flag<readonly string[]> {
  const parse = (text: string, before: readonly string[] = []): readonly string[] | undefined =>
    text === '' ? undefined : [...before, text];
  return { placeholder, help, parse };
}

/** A moment in epoch milliseconds: a duration before now, or RFC 3339. */
export function momentFlag(help: string, round: (ms: number) => number): Flag<number> {
  const parse = (text: string): number | undefined => {
    const agoMs = parseDuration(text);
    return agoMs === undefined ? parseTimestamp(text, round) : Date.now() - agoMs;
  };
  return { placeholder: 'TIME', help, parse };
}

export const NAMESPACE_FLAG: Flag<string> = {
  placeholder: 'NAME',
  help: 'The namespace of the tasks, 1 to 64 characters of a-z 0-9 _ -',
  parse: (text) => (isNamespace(text) ? text : undefined),
};

/** Flags of every command that asks a service or a store. */
export const CONNECTION_FLAGS = {
  url: textFlag(
    'URL',
    'The service, or a store such as redis://… (RESULTD_URL; default http://127.0.0.1:8080)',
  ),
  namespace: {
    ...NAMESPACE_FLAG,
    help: `${NAMESPACE_FLAG.help} (a store alone has several)`,
  },
};

/** The same of those that have no patience of their own. */
export const ASKING_FLAGS = {
  ...CONNECTION_FLAGS,
  'wait-for-store': durationFlag('How long to wait where it cannot be asked yet (default 0)'),
};

export const TTL_FLAG: Flag<number> = {
  placeholder: 'DURATION',
  help: 'How long it is kept, or never',
  parse: parseTtl,
};

/** Flags of every command that stores an outcome. */
export const STORING_FLAGS = {
  ttl: TTL_FLAG,
  labels: textFlag('JSON', 'The labels of the outcome, a JSON object'),
  replace: switchFlag('Replace an outcome that is there already; else the first one wins'),
};

export const JSON_FLAG = switchFlag('Print JSON for machines');
