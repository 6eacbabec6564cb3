/**
 * The configuration: every setting has a variable, a flag of the same name and a default, all in
 * one table. This is the only file that reads the environment. All mistakes are reported at once.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { shown, withoutCredentials } from './errors.js';
import { NEVER } from './record/entry.js';
import { parseDuration, parseSize } from './units.js';

/** What the service runs with. Times are milliseconds, sizes bytes. */
export interface Config {
  readonly backend: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly bodyLimit: number;
  readonly namespace: string;
  readonly resultTtlMs: number;
  readonly failureTtlMs: number;
  readonly progressTtlMs: number;
  readonly maxTtlMs: number;
  readonly maxWaitMs: number;
  readonly maxWaiters: number;
  readonly maxWaitersPerCaller: number;
  readonly maxEventReaders: number;
  readonly maxStoredResults: number;
  /** How many processes serve the port. */
  readonly processes: number;
  readonly storeTimeoutMs: number;
  readonly drainMs: number;
  readonly trustProxy: boolean | string;
}

/** How one setting is read from text. */
interface Setting<T> {
  /** As a flag: `body-limit`; the variable is `RESULTD_BODY_LIMIT`. */
  readonly flag: string;
  readonly byDefault: string;
  readonly help: string;
  /** What to do where the text is not valid; the help says it where this is left out. */
  readonly advice?: string;
  /** Undefined where the text is not valid. */
  parse(text: string): T | undefined;
}

/** What a backend's URL begins with. The broker has a loader for each. */
const SCHEMES = [
  'memory:',
  'lmdb:',
  'redis:',
  'rediss:',
  'redis+sentinel:',
  'rediss+sentinel:',
  'redis+cluster:',
  'rediss+cluster:',
  'nats:',
  'tls:',
  'postgres:',
  'postgresql:',
  'http:',
  'https:',
  'module:',
] as const;
export type Scheme = (typeof SCHEMES)[number];

const DAY_MS = 86_400_000;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

const SETTINGS: { readonly [Key in keyof Config]: Setting<Config[Key]> } = {
  backend: {
    ...setting('backend', 'lmdb:./data', 'The store, a URL', (text) =>
      SCHEMES.some((scheme) => text.startsWith(scheme)) ? text : undefined,
    ),
    advice: `Use one of ${SCHEMES.join(', ')}`,
  },
  host: setting('host', '127.0.0.1', 'The address to listen on', (text) => text || undefined),
  port: setting('port', '8080', 'The port to listen on, 0 for any free one', integer(0, 65_535)),
  logLevel: setting('log-level', 'info', `One of ${LOG_LEVELS.join(', ')}`, (text) =>
    LOG_LEVELS.includes(text) ? text : undefined,
  ),
  bodyLimit: setting('body-limit', '8MiB', 'The largest body, such as 8MiB or 65536', parseSize),
  namespace: setting('namespace', 'default', '1 to 64 characters of a-z 0-9 _ -', (text) =>
    /^[a-z0-9_-]{1,64}$/.test(text) ? text : undefined,
  ),
  resultTtlMs: setting('result-ttl', '24h', 'How long a success is kept, or never', parseTtl),
  failureTtlMs: setting('failure-ttl', '24h', 'How long a failure is kept, or never', parseTtl),
  progressTtlMs: setting('progress-ttl', '24h', 'How long progress is kept, or never', parseTtl),
  maxTtlMs: setting('max-ttl', 'never', 'The longest time to live, or never for none', parseTtl),
  maxWaitMs: setting('max-wait', '55s', 'The longest wait, at most 1h', parseWait),
  maxWaiters: setting(
    'max-waiters',
    '20000',
    'Requests that may wait at once in a process',
    integer(1, 1e7),
  ),
  maxWaitersPerCaller: setting(
    'max-waiters-per-caller',
    '10000',
    'Requests of one caller that may wait at once',
    integer(1, 1e7),
  ),
  maxEventReaders: setting(
    'max-event-readers',
    '10000',
    'Event streams that may be open at once',
    integer(1, 1e7),
  ),
  maxStoredResults: setting(
    'max-stored-results',
    'unlimited',
    'Outcomes that the memory backend keeps, or unlimited',
    (text) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : integer(1, 1e9)(text)),
  ),
  processes: setting(
    'processes',
    '1',
    'Processes that serve the port, or auto for one for each core; they need a store such as Redis',
    (text) => (text === 'auto' ? availableParallelism() : integer(1, 1_024)(text)),
  ),
  storeTimeoutMs: setting('store-timeout', '2s', 'How long the store may take', parseWait),
  drainMs: setting('drain', '5s', 'The time over which waiters are answered at the end', parseWait),
  trustProxy: setting(
    'trust-proxy',
    'false',
    'Whose X-Forwarded-For is believed: true, false, or addresses and networks',
    (text) => (text === 'true' ? true : text === 'false' ? false : text || undefined),
  ),
};

/** Variables of the other commands, which a service that is started beside them may see. */
const CLIENT_VARIABLES = ['RESULTD_URL', 'RESULTD_TASK_ID'];

/** All that was wrong, each mistake by its name. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * The configuration of flags and environment; a flag wins. Throws a `ConfigError` that names every
 * mistake. An unknown flag is one, and so is an unknown `RESULTD_…` variable.
 */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Config {
  const mistakes: string[] = [];
  const flags = readFlags(args, mistakes);
  const config: Partial<Record<keyof Config, unknown>> = {};
  for (const [key, entry] of Object.entries(SETTINGS) as [keyof Config, Setting<unknown>][]) {
    const variable = variableOf(entry.flag);
    const flag = flags[entry.flag];
    const text = flag ?? env[variable] ?? entry.byDefault;
    const value = entry.parse(text);
    if (value === undefined) {
      const source = flag === undefined ? variable : `--${entry.flag}`;
      mistakes.push(
        `${source} is ${shown(withoutCredentials(text))}, which is not valid. ${entry.advice ?? entry.help}`,
      );
    }
    config[key] = value;
  }
  const variables = new Set(Object.values(SETTINGS).map(({ flag }) => variableOf(flag)));
  for (const name of CLIENT_VARIABLES) variables.add(name);
  for (const name of Object.keys(env)) {
    if (name.startsWith('RESULTD_') && !name.startsWith('RESULTD_TEST_') && !variables.has(name)) {
      mistakes.push(`${name} is not a setting: \`resultd serve --help\` lists them`);
    }
  }
  if (mistakes.length > 0) {
    throw new ConfigError(`the configuration is not valid:\n- ${mistakes.join('\n- ')}`);
  }
  return config as Config;
}

/** What the commands that ask a service or a store take from the environment. */
export interface ClientSettings {
  /** The service or the store. */
  readonly url: string;
  /** Whether colours are wanted where the output is a terminal (https://no-color.org). */
  readonly wantsColour: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** An empty variable is as good as none. */
export function readClientSettings(env: NodeJS.ProcessEnv): ClientSettings {
  return {
    url: env.RESULTD_URL || DEFAULT_URL,
    wantsColour: !env.NO_COLOR && env.TERM !== 'dumb',
  };
}

/** Every setting, a line each. */
export function describeSettings(): string {
  return Object.values(SETTINGS)
    .map(({ flag, byDefault, help }) => {
      const names = `--${flag}`.padEnd(26) + variableOf(flag).padEnd(34);
      return `  ${names}${help} (default: ${byDefault})`;
    })
    .join('\n');
}

/** The name, default and meaning of every setting, for documents and their tests. */
export function listSettings(): { variable: string; flag: string; byDefault: string }[] {
  return Object.values(SETTINGS).map(({ flag, byDefault }) => ({
    variable: variableOf(flag),
    flag,
    byDefault,
  }));
}

function readFlags(args: readonly string[], mistakes: string[]): Record<string, string> {
  const options = Object.fromEntries(
    Object.values(SETTINGS).map(({ flag }) => [flag, { type: 'string' as const }]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const flags: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') {
      mistakes.push(`${shown(token.value)} is not a flag: write --name value`);
    } else if (token.kind === 'option') {
      if (options[token.name] === undefined) {
        mistakes.push(`${token.rawName} is not a setting: \`resultd serve --help\` lists them`);
      } else if (token.value === undefined) {
        mistakes.push(`${token.rawName} has no value: write ${token.rawName} value`);
      } else {
        flags[token.name] = token.value;
      }
    }
  }
  return flags;
}

function variableOf(flag: string): string {
  return `RESULTD_${flag.toUpperCase().replaceAll('-', '_')}`;
}

function setting<T>(
  flag: string,
  byDefault: string,
  help: string,
  parse: (text: string) => T | undefined,
): Setting<T> {
  return { flag, byDefault, help, parse };
}

function integer(least: number, most: number): (text: string) => number | undefined {
  return (text) => {
    if (!/^\d{1,12}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= least && value <= most ? value : undefined;
  };
}

function parseTtl(text: string): number | undefined {
  if (text === 'never') return NEVER;
  const ttlMs = parseDuration(text);
  return ttlMs === undefined || ttlMs === 0 ? undefined : Math.min(ttlMs, 36_500 * DAY_MS);
}

function parseWait(text: string): number | undefined {
  const waitMs = parseDuration(text);
  return waitMs === undefined || waitMs > 3_600_000 ? undefined : waitMs;
}
