/**
 * The configuration: every setting has a variable, a flag of the same name and a default, all in
 * one table. This is the only file that reads the environment. All mistakes are reported at once.
 */

import { availableParallelism } from 'node:os';
import { SCHEMES, schemeOf } from './broker.js';
import { readFlags, takeValue } from './config/flag-reader.js';
import { type Flag, NAMESPACE_FLAG, TTL_FLAG } from './config/flags.js';
import { integer, parseHosts, parseTrust } from './config/values.js';
import { shown } from './errors.js';
import { NEVER } from './record/entry.js';
import { parseDuration, parseSize } from './units.js';

/** What the service runs with. Times are milliseconds, sizes bytes. */
export interface Config {
  readonly backend: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly bodyLimit: number;
  readonly maxProgressBytes: number;
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
  /** How long the start waits for a store that comes later. */
  readonly waitForStoreMs: number;
  readonly drainMs: number;
  readonly trustProxy: boolean | string;
  readonly allowedHosts: readonly string[];
}

/** A setting is a flag, a variable of the same name, and a default. */
interface Setting<T> extends Flag<T> {
  readonly byDefault: string;
}

const DAY_MS = 86_400_000;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

const SETTINGS: { readonly [Key in keyof Config]: readonly [string, Setting<Config[Key]>] } = {
  backend: setting(
    'backend',
    'lmdb:./data',
    'URL',
    `The store, one of ${SCHEMES.join(', ')}`,
    (text) => (schemeOf(text) === undefined ? undefined : text),
  ),
  host: setting(
    'host',
    '127.0.0.1',
    'ADDRESS',
    'The address to listen on',
    (text) => text || undefined,
  ),
  port: setting(
    'port',
    '8080',
    'PORT',
    'The port to listen on, 0 for any free one',
    integer(0, 65_535),
  ),
  logLevel: setting('log-level', 'info', 'LEVEL', `One of ${LOG_LEVELS.join(', ')}`, (text) =>
    LOG_LEVELS.includes(text) ? text : undefined,
  ),
  bodyLimit: setting(
    'body-limit',
    '8MiB',
    'SIZE',
    'The largest body, such as 8MiB or 65536',
    parseSize,
  ),
  maxProgressBytes: setting(
    'progress-limit',
    '64KiB',
    'SIZE',
    'The largest progress, its state included: every view of the task carries it',
    parseSize,
  ),
  namespace: ['namespace', { ...NAMESPACE_FLAG, byDefault: 'default' }],
  resultTtlMs: ttl('result-ttl', '24h', 'How long a success is kept, or never'),
  failureTtlMs: ttl('failure-ttl', '24h', 'How long a failure is kept, or never'),
  progressTtlMs: ttl('progress-ttl', '24h', 'How long progress is kept, or never'),
  maxTtlMs: ttl('max-ttl', 'never', 'The longest time to live, or never for none'),
  maxWaitMs: duration('max-wait', '55s', 'The longest wait, at most 1h'),
  maxWaiters: count('max-waiters', '20000', 'Requests that may wait at once in a process'),
  maxWaitersPerCaller: count(
    'max-waiters-per-caller',
    '10000',
    'Requests of one caller that may wait at once',
  ),
  maxEventReaders: count('max-event-readers', '10000', 'Event streams that may be open at once'),
  maxStoredResults: setting(
    'max-stored-results',
    'unlimited',
    'COUNT',
    'Outcomes that the memory backend keeps, or unlimited',
    (text) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : integer(1, 1e9)(text)),
  ),
  processes: setting(
    'processes',
    '1',
    'COUNT',
    'Processes that serve the port, or auto for one for each core; they need a store such as Redis',
    (text) => (text === 'auto' ? availableParallelism() : integer(1, 1_024)(text)),
  ),
  storeTimeoutMs: duration('store-timeout', '2s', 'How long the store may take'),
  waitForStoreMs: setting(
    'wait-for-store',
    '0',
    'DURATION',
    'How long the start waits for a store that comes later',
    parseDuration,
  ),
  drainMs: duration('drain', '5s', 'The time over which waiters are answered at the end'),
  trustProxy: setting(
    'trust-proxy',
    'false',
    'ADDRESSES',
    'Whose X-Forwarded-For is believed: true, false, or addresses and networks',
    parseTrust,
  ),
  allowedHosts: setting(
    'allowed-hosts',
    'none',
    'NAMES',
    'Hosts that are served beside localhost, without ports: none, or names with commas between',
    parseHosts,
  ),
};

/** Variables of the other commands, which a service that is started beside them may see. */
const CLIENT_VARIABLES = ['RESULTD_URL', 'RESULTD_TASK_ID'];

/** All that was wrong, each mistake by its name. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`the configuration is not valid:\n- ${mistakes.join('\n- ')}`);
    this.mistakes = mistakes;
  }
}

interface ReadConfig {
  /** Without what was not valid. */
  readonly config: Partial<Config>;
  readonly mistakes: string[];
}

/**
 * The configuration of flags and environment, a flag wins, and every mistake in it. An unknown flag is
 * one, and so is an unknown `RESULTD_…` variable.
 */
export function readSettings(args: readonly string[], env: NodeJS.ProcessEnv): ReadConfig {
  const table = Object.fromEntries(Object.values(SETTINGS) as [string, Setting<unknown>][]);
  const { positionals, values, given, mistakes } = readFlags(args, table, NO_SETTING);
  for (const extra of positionals)
    mistakes.push(`${shown(extra)} is not a flag: write --name value`);
  const config: Record<string, unknown> = {};
  for (const [key, [name, entry]] of Object.entries(SETTINGS)) {
    const source = variableOf(name);
    const text = env[source] ?? entry.byDefault;
    if (given.has(name)) config[key] = values[name];
    else takeValue(entry as Flag, { source, text }, { name: key, values: config, mistakes });
  }
  const variables = new Set(listSettings().map(({ variable }) => variable));
  for (const name of CLIENT_VARIABLES) variables.add(name);
  for (const name of Object.keys(env)) {
    if (name.startsWith('RESULTD_') && !name.startsWith('RESULTD_TEST_') && !variables.has(name)) {
      mistakes.push(`${name} ${NO_SETTING}`);
    }
  }
  return { config: config as Partial<Config>, mistakes };
}

/** The same, where it has no mistake. Throws a `ConfigError` that names every one. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Config {
  const { config, mistakes } = readSettings(args, env);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config as Config;
}

const NO_SETTING = 'is not a setting: `resultd serve --help` lists them';

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

/** Every setting, for its help, for documents and for their tests. */
export function listSettings(): readonly {
  readonly variable: string;
  readonly flag: string;
  readonly placeholder: string | undefined;
  readonly byDefault: string;
  readonly help: string;
}[] {
  return Object.values(SETTINGS).map(([flag, { placeholder, byDefault, help }]) => ({
    variable: variableOf(flag),
    flag,
    placeholder,
    byDefault,
    help,
  }));
}

function variableOf(flag: string): string {
  return `RESULTD_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** A flag with its name: `body-limit`, whose variable is `RESULTD_BODY_LIMIT`. */
type Named<T> = readonly [string, Setting<T>];

function setting<T>(
  name: string,
  byDefault: string,
  placeholder: string,
  help: string,
  parse: (text: string) => T | undefined,
): Named<T> {
  return [name, { byDefault, placeholder, help, parse }];
}

function ttl(name: string, byDefault: string, help: string): Named<number> {
  return setting(name, byDefault, 'DURATION', help, (text) => {
    const ttlMs = TTL_FLAG.parse(text);
    return ttlMs === undefined || ttlMs === NEVER ? ttlMs : Math.min(ttlMs, 36_500 * DAY_MS);
  });
}

function duration(name: string, byDefault: string, help: string): Named<number> {
  return setting(name, byDefault, 'DURATION', help, (text) => {
    const waitMs = parseDuration(text);
    return waitMs === undefined || waitMs > 3_600_000 ? undefined : waitMs;
  });
}

function count(name: string, byDefault: string, help: string): Named<number> {
  return setting(name, byDefault, 'COUNT', help, integer(1, 1e7));
}
