/**
 * The service's configuration with its store: what a backend has against its own URL stands in one list
 * with all other mistakes.
 */
import { Broker, type BrokerOptions } from '../broker.js';
import { type Config, ConfigError, readSettings } from '../config.js';
import { ResultdError, withoutCredentials } from '../errors.js';

/** Throws a `ConfigError` that names every mistake of flags, environment and the backend's URL. */
export async function checkedConfig(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Config> {
  const { config, mistakes } = readSettings(args, env);
  if (mistakes.length === 0) return config as Config;
  const { backend, ...options } = config;
  try {
    // What is not valid itself has its default here.
    if (backend !== undefined) await brokerFor(backend, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    mistakes.push(...error.mistakes);
  }
  throw new ConfigError(mistakes);
}

/** The broker on the backend of this URL, not started. Throws a `ConfigError`. */
export async function brokerFor(
  url: string,
  options: BrokerOptions & { readonly processes?: number },
): Promise<Broker> {
  let broker: Broker;
  try {
    broker = await Broker.fromUrl(url, options);
  } catch (error) {
    if (!(error instanceof ResultdError)) throw error;
    throw new ConfigError([`--backend (RESULTD_BACKEND): ${error.message}`]);
  }
  const { processes = 1 } = options;
  if (processes === 1 || broker.resultBackend.supports.shared) return broker;
  throw new ConfigError([
    `${processes} processes (--processes, RESULTD_PROCESSES) cannot share the store ` +
      `${withoutCredentials(url)}, which belongs to one process alone: ` +
      'use a store such as redis://…, or --processes 1',
  ]);
}
