/** The result backend that a command asks: that of `--url`, else of `RESULTD_URL`. */
import { Broker } from '../broker.js';
import { ResultdError } from '../errors.js';
import type { ResultBackend } from '../result-backend.js';
import { persist } from '../timing.js';
import { UsageError } from './arguments.js';
import type { Context } from './command.js';

/** The longest that one call takes, where nothing else bounds it. */
const LONGEST_CALL_MS = 5_000;
const SHORTEST_CALL_MS = 500;
/** The longest pause between two attempts to ask. */
export const LONGEST_PAUSE_MS = 5_000;

export interface ConnectionFlags {
  readonly url?: string | undefined;
  readonly namespace?: string | undefined;
}

export function urlOf({ url }: ConnectionFlags, { settings }: Context): string {
  return url ?? settings.url;
}

/**
 * The backend, not started; no call of it takes much longer than `withinMs`. Throws a `UsageError`
 * where there is none of such a URL.
 */
export async function backendOf(
  flags: ConnectionFlags,
  context: Context,
  withinMs = LONGEST_CALL_MS,
): Promise<ResultBackend> {
  const storeTimeoutMs = Math.max(SHORTEST_CALL_MS, Math.min(withinMs, LONGEST_CALL_MS));
  const { resultBackend } = await brokerOf(flags, context, storeTimeoutMs);
  return flags.namespace === undefined ? resultBackend : resultBackend.namespace(flags.namespace);
}

/** What is wrong with the URL, as one mistake of a list; none where it can be used. */
export async function mistakesInUrl(flags: ConnectionFlags, context: Context): Promise<string[]> {
  try {
    await brokerOf(flags, context, LONGEST_CALL_MS);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return [error.message];
    throw error;
  }
}

async function brokerOf(
  flags: ConnectionFlags,
  context: Context,
  storeTimeoutMs: number,
): Promise<Broker> {
  try {
    return await Broker.fromUrl(urlOf(flags, context), { storeTimeoutMs });
  } catch (error) {
    if (!(error instanceof ResultdError)) throw error;
    throw new UsageError(`${flags.url === undefined ? 'RESULTD_URL' : '--url'}: ${error.message}`);
  }
}

/** Uses the backend, started, and shuts it down. Where it is to be waited for, that is said once. */
export async function withBackend<T>(
  flags: ConnectionFlags & { readonly 'wait-for-store'?: number | undefined },
  context: Context,
  use: (backend: ResultBackend) => Promise<T>,
): Promise<T> {
  const backend = await backendOf(flags, context);
  await persist(() => backend.startup(), {
    withinMs: flags['wait-for-store'] ?? 0,
    longestPauseMs: LONGEST_PAUSE_MS,
    onFailure: ({ message }, attempt) => {
      if (attempt === 1) context.stderr.write(`resultd: waiting for the store: ${message}\n`);
    },
  });
  try {
    return await use(backend);
  } finally {
    await backend.shutdown();
  }
}
