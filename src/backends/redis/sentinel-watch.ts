/**
 * Hears from the sentinels that another server has become the primary.
 *
 * The old one may still answer: after a planned failover, or where only the sentinels lost sight of
 * it, it takes writes for seconds more, and all of them are lost. So its connections are dropped as
 * soon as one sentinel says so.
 */
import { Redis } from 'ioredis';
import type { RedisSettings } from './redis-url.js';

const CHANNEL = '+switch-master';
const PAUSE_MS = 1_000;

export class SentinelWatch {
  readonly #sentinels: readonly Redis[];

  constructor(settings: RedisSettings, timeoutMs: number, onSwitch: () => void) {
    const { name, username, password } = settings.sentinel!;
    const { tls } = settings;
    this.#sentinels = settings.addresses.map(({ host, port }) => {
      const sentinel = new Redis({
        host,
        port,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls === undefined ? {} : { tls: tls.ca === undefined ? {} : { ca: [...tls.ca] } }),
        lazyConnect: true,
        connectTimeout: timeoutMs,
        keepAlive: 10_000,
        retryStrategy: () => PAUSE_MS,
        maxRetriesPerRequest: null,
        enableReadyCheck: false,
        disableClientInfo: true,
      });
      // One that is down is tried again; the others make up for it.
      sentinel.on('error', () => {});
      sentinel.on('message', (_channel: string, message: string) => {
        if (message.split(' ', 1)[0] === name) onSwitch();
      });
      return sentinel;
    });
  }

  start(): void {
    for (const sentinel of this.#sentinels) sentinel.subscribe(CHANNEL).catch(() => {});
  }

  stop(): void {
    for (const sentinel of this.#sentinels) sentinel.disconnect();
  }
}
