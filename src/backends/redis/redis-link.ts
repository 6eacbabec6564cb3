/**
 * One connection to one Redis server, kept alive: it never hangs and never gives up.
 *
 * A command is sent once. Where there is no connection it fails at once, where the server does not
 * answer it fails when its time is over; nothing is queued up and nothing is sent again, since a
 * write may have been done. A regular ping finds a server that has gone silent, and the connection
 * is then made anew: to the server that is then in charge, where sentinels or a cluster tell.
 */
import { Command, Redis, type RedisOptions } from 'ioredis';
import { Backoff, within } from '../../timing.js';
import { addressText, isTimeout, wrapped } from './redis-errors.js';
import type { Address, RedisSettings } from './redis-url.js';
import type { Argument } from './scripts.js';

const PING_EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 1_000;

export interface LinkOptions {
  readonly settings: RedisSettings;
  /** How long a command, and opening the link, may take. */
  readonly timeoutMs: number;
  /** Where the server is; asked before each attempt. Default: the settings' first address. */
  readonly locate?: () => Address;
  /** Called when the link is there again after it was lost. */
  readonly onReconnect?: () => void;
}

export class RedisLink {
  readonly client: Redis;
  readonly #options: LinkOptions;
  readonly #backoff = new Backoff(LONGEST_PAUSE_MS);
  #lastError: unknown;
  #isOpen = false;
  #isPinging = false;
  #isCorked = false;
  #pinger: NodeJS.Timeout | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    // While it is being opened the first failure is the last: `open` throws it.
    this.client = new Redis(
      optionsOf(options, (times) => {
        if (times === 1) this.#backoff.reset();
        return this.#isOpen ? this.#backoff.next() : null;
      }),
    );
    this.client.on('reconnecting', () => Object.assign(this.client.options, placeOf(options)));
    this.client.on('error', (error: Error & { command?: { name: string } }) => {
      this.#lastError = error;
      // The client goes on in database 0 where another one was refused.
      if (error.command?.name === 'select') this.client.disconnect(this.#isOpen);
    });
  }

  /** The server as errors name it: never with credentials. */
  get address(): string {
    const { sentinel, addresses } = this.#options.settings;
    if (sentinel === undefined) {
      return addressText({ host: this.client.options.host!, port: this.client.options.port! });
    }
    return `${sentinel.name} (of the sentinels ${addresses.map(addressText).join(', ')})`;
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /** Connects, or throws `store-unavailable` and leaves nothing open. */
  async open(): Promise<void> {
    try {
      // Looking for the primary goes on past a `disconnect`: it is not waited for.
      await withinTime(this.#firstAnswer(), this.#options.timeoutMs);
    } catch (error) {
      this.client.disconnect();
      throw wrapped(this.#lastError ?? error, this.address);
    }
    this.#keep();
  }

  /** Connects, and goes on trying. Resolves when the first attempt is over, however it ended. */
  async start(): Promise<void> {
    this.#isOpen = true;
    const first = this.client.connect().catch(() => {});
    this.#keep();
    await withinTime(first, this.#options.timeoutMs).catch(() => {});
  }

  close(): void {
    this.#isOpen = false;
    clearInterval(this.#pinger);
    this.client.disconnect();
  }

  /** Drops the connection and makes a new one. */
  renew(): void {
    if (this.isReady) this.client.disconnect(true);
  }

  /**
   * Sends one command and gives its reply, strings as Buffers. Throws the client's error: see
   * `redis-errors.ts`. What is sent in one turn of the event loop goes out in one packet.
   */
  send(name: string, args: Argument[]): Promise<unknown> {
    const command = new Command(name, args, {});
    this.#cork();
    this.client.sendCommand(command);
    return command.promise;
  }

  /** The client's error as this package's. */
  wrap(error: unknown): Error {
    return wrapped(error, this.address, this.#lastError);
  }

  async #firstAnswer(): Promise<void> {
    await this.client.connect();
    await this.send('ping', []);
  }

  #keep(): void {
    this.#isOpen = true;
    this.client.on('ready', () => {
      this.#lastError = undefined;
      this.#options.onReconnect?.();
    });
    this.#pinger = setInterval(() => void this.#ping(), PING_EVERY_MS).unref();
  }

  #cork(): void {
    if (this.#isCorked || !this.isReady) return;
    const { stream } = this.client;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  async #ping(): Promise<void> {
    if (this.#isPinging || !this.isReady) return;
    this.#isPinging = true;
    try {
      await this.send('ping', []);
    } catch (error) {
      this.#lastError = error;
      if (isTimeout(error)) this.renew();
    } finally {
      this.#isPinging = false;
    }
  }
}

function optionsOf(
  options: LinkOptions,
  retryStrategy: (times: number) => number | null,
): RedisOptions & { replyMapping: 'legacy' } {
  const { settings, timeoutMs } = options;
  const { username, password, database } = settings;
  const tls = settings.tls && (settings.tls.ca === undefined ? {} : { ca: [...settings.tls.ca] });
  return {
    ...placeOf(options),
    ...(settings.sentinel === undefined ? {} : sentinelOptionsOf(options, retryStrategy)),
    db: database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    replyMapping: 'legacy',
    lazyConnect: true,
    retryStrategy,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 200,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableReadyCheck: settings.sentinel !== undefined,
    disableClientInfo: true,
    connectionName: 'resultd',
  };
}

function placeOf({ settings, locate }: LinkOptions): RedisOptions {
  if (settings.sentinel !== undefined) return {};
  const { host, port } = locate === undefined ? settings.addresses[0] : locate();
  return { host, port };
}

/** Sentinels are asked where the primary is; the ready check asks the server whether it is one. */
function sentinelOptionsOf(
  { settings, timeoutMs }: LinkOptions,
  retryStrategy: (times: number) => number | null,
): RedisOptions {
  const { name, username, password } = settings.sentinel!;
  const tls = settings.tls && (settings.tls.ca === undefined ? {} : { ca: [...settings.tls.ca] });
  return {
    sentinels: settings.addresses.map(({ host, port }) => ({ host, port })),
    name,
    role: 'master',
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    sentinelRetryStrategy: retryStrategy,
    // One that is silent must leave time to ask another.
    sentinelCommandTimeout: Math.ceil(timeoutMs / 4),
    // A primary that was demoted: leave it for the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** Fails as a command does that was not answered. */
function withinTime(task: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  return within(task, timeoutMs, () => new Error('Command timed out'));
}
