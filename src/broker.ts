/**
 * The Broker picks one result backend by its URL, configures it, and owns it. Everything else asks
 * the broker for it.
 *
 * Only this file names concrete backends. Each is loaded when it is asked for, so that nobody loads
 * a store's client that they do not use.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalidParameter, ResultdError, shown, withoutCredentials } from './errors.js';
import type { ResultBackend, ResultBackendOptions } from './result-backend.js';
import { BaseBroker } from './task/base-broker.js';
import type { TaskQueue } from './task/task-queue.js';

export interface BrokerOptions extends ResultBackendOptions {
  /** The memory backend's bound on outcomes. Default: unlimited. */
  readonly maxStoredResults?: number;
  /** How long a store may take to answer, in milliseconds. Default: 2,000. */
  readonly storeTimeoutMs?: number;
  /** Where relative paths in a backend's URL start. Default: the working directory. */
  readonly baseDirectory?: string;
  /** A bearer token for a remote resultd; it wins over one in the URL. Default: none. */
  readonly token?: string;
  /** Where `broker.task(…)` sends tasks. Default: a queue within this process. */
  readonly queue?: TaskQueue;
  /** Told what an operator should know of the store, such as a setting that may lose data. */
  readonly onWarning?: (message: string) => void;
}

type Loader = (url: string, options: BrokerOptions) => Promise<ResultBackend>;

/** What a backend's URL begins with, and what makes a backend of it. */
const LOADERS: Readonly<Record<string, Loader>> = {
  'memory:': async (_url, options) => {
    const { MemoryBackend } = await import('./backends/memory/memory-backend.js');
    return new MemoryBackend(options);
  },
  'lmdb:': loadLmdb,
  'redis:': loadRedis,
  'rediss:': loadRedis,
  'redis+sentinel:': loadRedis,
  'rediss+sentinel:': loadRedis,
  'redis+cluster:': loadRedis,
  'rediss+cluster:': loadRedis,
  'nats:': loadNats,
  'tls:': loadNats,
  'postgres:': loadPostgres,
  'postgresql:': loadPostgres,
  'http:': loadHttp,
  'https:': loadHttp,
  'module:': loadModule,
};
export const SCHEMES: readonly string[] = Object.keys(LOADERS);

/** The scheme of a backend's URL; undefined where it has none that is known here. */
export function schemeOf(url: string): string | undefined {
  return SCHEMES.find((scheme) => url.startsWith(scheme));
}

/**
 * The broker that knows every backend: `Broker.fromUrl` picks one by its URL. It owns the store's
 * connections, so one for each process is enough.
 */
export class Broker extends BaseBroker {
  /**
   * A broker on the backend of this URL, not started yet. Throws `invalid-parameter` for a URL with
   * an unknown scheme, or one whose client package is missing.
   */
  static async fromUrl(url: string, options: BrokerOptions = {}): Promise<Broker> {
    const scheme = schemeOf(url);
    if (scheme === undefined) {
      throw invalidParameter(
        `the backend ${shown(withoutCredentials(url))} has no scheme that is known here: use one of ${SCHEMES.join(', ')}`,
      );
    }
    return new Broker(await LOADERS[scheme]!(url, options), options.queue);
  }
}

async function loadLmdb(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const { LmdbBackend } = await withPackage(
    'lmdb',
    () => import('./backends/lmdb/lmdb-backend.js'),
  );
  const path = url.slice('lmdb:'.length).split('?', 1)[0]!;
  if (path === '') {
    throw invalidParameter('the backend "lmdb:" names no directory: use lmdb:./data');
  }
  const directory = resolve(options.baseDirectory ?? process.cwd(), path);
  return new LmdbBackend({ ...options, directory });
}

async function loadRedis(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const { RedisBackend } = await withPackage(
    'ioredis',
    () => import('./backends/redis/redis-backend.js'),
  );
  return RedisBackend.fromUrl(url, options);
}

async function loadNats(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const { NatsBackend } = await withPackage(
    '@nats-io/transport-node',
    () => import('./backends/nats/nats-backend.js'),
  );
  return NatsBackend.fromUrl(url, options);
}

async function loadPostgres(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const { PostgresBackend } = await withPackage(
    'pg',
    () => import('./backends/postgres/postgres-backend.js'),
  );
  return PostgresBackend.fromUrl(url, options);
}

async function loadHttp(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const { HttpBackend } = await withPackage(
    'undici',
    () => import('./backends/http/http-backend.js'),
  );
  return HttpBackend.fromUrl(url, options);
}

/** Loads a backend whose client is the package `name`, and says so where that is missing. */
async function withPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw cause;
    throw new ResultdError(
      'invalid-parameter',
      `this backend needs the package ${name}, which is not installed: run npm install ${name}`,
      { cause },
    );
  }
}

async function importModule(file: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (cause) {
    const detail = `the module ${shown(file)} cannot be loaded: ${String(cause)}`;
    throw new ResultdError('invalid-parameter', detail, { cause });
  }
}

/** `module:./mine.js`: its default export makes a backend of `(url, options)`. */
async function loadModule(url: string, options: BrokerOptions): Promise<ResultBackend> {
  const path = url.slice('module:'.length).split('?', 1)[0]!;
  const file = resolve(options.baseDirectory ?? process.cwd(), path);
  if (!existsSync(file)) {
    throw invalidParameter(
      `the module ${shown(path)} is not there: there is no file ${shown(file)}. Correct the path`,
    );
  }
  const module = await importModule(file);
  if (typeof module.default !== 'function') {
    throw invalidParameter(
      `${shown(path)} has no default export that is a function: export one that makes a ResultBackend of (url, options)`,
    );
  }
  return (await (module.default as Loader)(url, options)) as ResultBackend;
}
