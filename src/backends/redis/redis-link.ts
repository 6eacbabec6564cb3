/**
 * One connection to one Redis server, kept alive: it never hangs and never gives up.
 *
 * A command is sent once. Where there is no connection it fails at once, where the server does not
 * answer it fails when its time is over; nothing is queued up and nothing is sent again, since a
 * write may have been done. A regular ping finds a server that has gone silent, and the connection
 * is then made anew.
 */
import { Command, Redis, type RedisOptions } from 'ioredis';
import { isTimeout, wrapped } from './redis-errors.js';
import type { RedisSettings } from './redis-url.js';
import type { Argument } from './scripts.js';

const PING_EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 1_000;

export interface LinkOptions {
  readonly settings: RedisSettings;
  /** How long a command, and opening the link, may take. */
  readonly timeoutMs: number;
  /** Called when the link is there again after it was lost. */
  readonly onReconnect?: () => void;
}

export class RedisLink {
  /** The server as errors name it: never with credentials. */
  readonly address: string;
  readonly client: Redis;
  readonly #options: LinkOptions;
  #lastError: unknown;
  #isOpen = false;
  #isPinging = false;
  #isCorked = false;
  #pinger: NodeJS.Timeout | undefined;

  constructor(options: LinkOptions) {
    const { settings } = options;
    this.#options = options;
    this.address = `${settings.host}:${settings.port}`;
    // While it is being opened the first failure is the last: `open` throws it.
    this.client = new Redis(optionsOf(options, (times) => (this.#isOpen ? pauseMs(times) : null)));
    this.client.on('error', (error: Error & { command?: { name: string } }) => {
      this.#lastError = error;
      // The client goes on in database 0 where another one was refused.
      if (error.command?.name === 'select') this.client.disconnect(this.#isOpen);
    });
  }

  /** Connects, or throws `store-unavailable` and leaves nothing open. */
  async open(): Promise<void> {
    const { timeoutMs, onReconnect } = this.#options;
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.#lastError ??= new Error('Command timed out');
      this.client.disconnect();
    }, timeoutMs);
    try {
      await this.client.connect();
      await this.send('ping', []);
      // An answer may yet come on a connection that is being closed, and is not made anew.
      if (isLate) throw this.#lastError;
    } catch (error) {
      this.client.disconnect();
      throw wrapped(this.#lastError ?? error, this.address);
    } finally {
      clearTimeout(late);
    }
    this.#isOpen = true;
    this.client.on('ready', () => {
      this.#lastError = undefined;
      onReconnect?.();
    });
    this.#pinger = setInterval(() => void this.#ping(), PING_EVERY_MS).unref();
  }

  close(): void {
    this.#isOpen = false;
    clearInterval(this.#pinger);
    this.client.disconnect();
  }

  /** Drops the connection and makes a new one. */
  renew(): void {
    if (this.client.status === 'ready') this.client.disconnect(true);
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

  #cork(): void {
    if (this.#isCorked || this.client.status !== 'ready') return;
    const { stream } = this.client;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  async #ping(): Promise<void> {
    if (this.#isPinging || this.client.status !== 'ready') return;
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
  { settings, timeoutMs }: LinkOptions,
  retryStrategy: (times: number) => number | null,
): RedisOptions & { replyMapping: 'legacy' } {
  const { host, port, username, password, database, tls } = settings;
  return {
    host,
    port,
    db: database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tls.ca === undefined ? {} : { ca: [...tls.ca] } }),
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
    enableReadyCheck: false,
    disableClientInfo: true,
    connectionName: 'resultd',
  };
}

/** Shorter by up to a quarter: those who lost the same server do not come back at one moment. */
function pauseMs(times: number): number {
  return Math.min(50 * 2 ** (times - 1), LONGEST_PAUSE_MS) * (1 - Math.random() / 4);
}
