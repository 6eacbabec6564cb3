/** A primary, its replicas and the sentinels that watch them, all real, for tests. */
import { Redis } from 'ioredis';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

export interface RedisSentinelOptions {
  /** Default: 2. */
  readonly replicas?: number;
  /** Default: 3; most of them must agree. */
  readonly sentinels?: number;
  /** How long a server must be silent before it is held for dead. Default: 500. */
  readonly downAfterMs?: number;
  readonly appendOnly?: boolean;
  /** Of the sentinels themselves. */
  readonly sentinelPassword?: string;
}

const NAME = 'main';
const QUICK = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

export class RedisSentinel {
  /** The first one starts as the primary. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly #options: RedisSentinelOptions;

  private constructor(
    servers: readonly RedisServer[],
    sentinels: readonly RedisServer[],
    options: RedisSentinelOptions,
  ) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.#options = options;
  }

  /** Starts them, and waits until the replicas are in step and the sentinels know everyone. */
  static async start(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
    const { replicas = 2, sentinels = 3, downAfterMs = 500 } = options;
    const common = { appendOnly: options.appendOnly ?? false, args: QUICK };
    const primary = await RedisServer.start(common);
    const followers = await Promise.all(
      Array.from({ length: replicas }, () =>
        RedisServer.start({ ...common, replicaOf: primary.port }),
      ),
    );
    const lines = [
      `sentinel monitor ${NAME} 127.0.0.1 ${primary.port} ${Math.floor(sentinels / 2) + 1}`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} 3000`,
      ...(options.sentinelPassword === undefined
        ? []
        : [
            `requirepass ${options.sentinelPassword}`,
            `sentinel sentinel-pass ${options.sentinelPassword}`,
          ]),
    ];
    const watchers = await Promise.all(
      Array.from({ length: sentinels }, () => RedisServer.start({ sentinel: lines })),
    );
    const group = new RedisSentinel([primary, ...followers], watchers, options);
    await group.pace(200);
    await group.#isComplete();
    const client = new Redis(primary.url);
    const isInStep = async () => (await client.wait(replicas, 100)) === replicas;
    await until('the primary counts its replicas', isInStep).finally(() => client.disconnect());
    return group;
  }

  /** With `?` and these parameters, where there are any. */
  url(parameters = ''): string {
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const query = parameters === '' ? '' : `?${parameters}`;
    return `redis+sentinel://${hosts}/${NAME}${query}`;
  }

  /** The server that the sentinels say is the primary. */
  async primary(): Promise<RedisServer> {
    for (const { port } of this.sentinels) {
      const [, primaryPort] = await this.#ask(port, 'get-master-addr-by-name', NAME).catch(
        () => [],
      );
      const found = this.servers.find((server) => server.port === Number(primaryPort));
      if (found !== undefined) return found;
    }
    throw new Error('no sentinel names a primary');
  }

  /** How often the sentinels look; a demoted primary is told so after four of these periods. */
  async pace(periodMs: number): Promise<void> {
    const period = String(periodMs);
    const periods = ['info-period', period, 'publish-period', period];
    for (const { port } of this.sentinels) await this.#ask(port, 'debug', ...periods);
  }

  /** Makes another server the primary, while the old one lives. */
  async failOver(): Promise<void> {
    await this.#ask(this.sentinels[0]!.port, 'failover', NAME);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  async #isComplete(): Promise<void> {
    const { length } = this.sentinels;
    for (const { port } of this.sentinels) {
      await until('the sentinels know everyone', async () => {
        const others = await this.#ask(port, 'sentinels', NAME);
        const replicas = await this.#ask(port, 'replicas', NAME);
        const isInStep = replicas.every((replica) => String(replica).includes('link-status,ok'));
        return (
          others.length === length - 1 && replicas.length === this.servers.length - 1 && isInStep
        );
      });
    }
  }

  async #ask(port: number, ...args: string[]): Promise<unknown[]> {
    const password = this.#options.sentinelPassword;
    const client = new Redis({
      port,
      retryStrategy: null,
      ...(password === undefined ? {} : { password }),
    });
    client.on('error', () => {});
    try {
      return (await client.call('SENTINEL', args)) as unknown[];
    } finally {
      client.disconnect();
    }
  }
}
