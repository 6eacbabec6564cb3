/** A real Redis cluster for tests: so many masters, each with as many replicas. */
import { Redis } from 'ioredis';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

export interface RedisClusterOptions {
  /** Default: 3. */
  readonly masters?: number;
  /** Of each master. Default: 1. */
  readonly replicas?: number;
  /** How long a node must be silent before it is held for dead. Default: 1,000. */
  readonly nodeTimeoutMs?: number;
  readonly appendOnly?: boolean;
}

const SLOTS = 16_384;

export class RedisCluster {
  /** The masters at the start come first. */
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  /** Starts it, and waits until all nodes agree that all is well and the replicas are in step. */
  static async start(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const { masters = 3, replicas = 1, nodeTimeoutMs = 1_000, appendOnly = false } = options;
    const servers: RedisServer[] = [];
    for (let at = 0; at < masters * (1 + replicas); at += 1) {
      const args = [
        ...['--cluster-node-timeout', String(nodeTimeoutMs)],
        ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
      ];
      servers.push(await RedisServer.start({ appendOnly, isClusterNode: true, args }));
    }
    const cluster = new RedisCluster(servers);
    await cluster.#form(masters);
    return cluster;
  }

  /** With `?` and these parameters, where there are any. */
  url(parameters = ''): string {
    const hosts = this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `redis+cluster://${hosts}${parameters === '' ? '' : `?${parameters}`}`;
  }

  /** One command to one node. */
  async ask(server: RedisServer, name: string, ...args: (string | number)[]): Promise<unknown> {
    const client = new Redis({ port: server.port, retryStrategy: null });
    client.on('error', () => {});
    try {
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }

  /** The node that has a slot, as `asked` sees it. */
  async masterOf(slot: number, asked: RedisServer): Promise<RedisServer> {
    const map = (await this.ask(asked, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const range = map.find(([first, last]) => first <= slot && slot <= last);
    return this.servers.find(({ port }) => port === range?.[2][1])!;
  }

  /** The node's name in the cluster. */
  async idOf(server: RedisServer): Promise<string> {
    return String(await this.ask(server, 'CLUSTER', 'MYID'));
  }

  /** Waits until these nodes say that all is well. */
  async isWell(servers: readonly RedisServer[] = this.servers): Promise<void> {
    for (const server of servers) {
      await until('the cluster is well', async () => {
        const info = await this.ask(server, 'CLUSTER', 'INFO').catch(() => '');
        return String(info).includes('cluster_state:ok');
      });
    }
  }

  /** Waits until every replica is in step with its master. */
  async isInStep(): Promise<void> {
    for (const server of this.servers) {
      await until('the replicas are in step', async () => {
        const info = String(await this.ask(server, 'INFO', 'replication').catch(() => ''));
        return info.includes('role:master') || info.includes('master_link_status:up');
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #form(masters: number): Promise<void> {
    const [first] = this.servers;
    for (const [at, server] of this.servers.entries()) {
      await this.ask(server, 'CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
      if (at < masters) {
        const share = [at, at + 1].map((part) => Math.floor((SLOTS * part) / masters));
        await this.ask(server, 'CLUSTER', 'ADDSLOTSRANGE', share[0]!, share[1]! - 1);
      }
      const { port, busPort } = server;
      if (at > 0) await this.ask(first!, 'CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
    for (const [at, server] of this.servers.entries()) {
      await until('the nodes know each other', async () => {
        const nodes = String(await this.ask(server, 'CLUSTER', 'NODES'))
          .trim()
          .split('\n');
        return nodes.length === this.servers.length && !/handshake/.test(nodes.join());
      });
      if (at < masters) continue;
      const id = await this.idOf(this.servers[at % masters]!);
      await this.ask(server, 'CLUSTER', 'REPLICATE', id);
    }
    await this.isWell();
    await this.isInStep();
  }
}
