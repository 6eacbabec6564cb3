/** Three nats-servers of the newer version that are one cluster, on one machine. */

import { NatsServer } from './nats-server.js';
import { NatsStream } from './nats-stream.js';
import { freePort } from './redis-server.js';

const NODES = [0, 1, 2];

export class NatsCluster {
  readonly nodes: readonly NatsServer[];

  private constructor(nodes: readonly NatsServer[]) {
    this.nodes = nodes;
  }

  /** Resolves when each of them answers; a leader may be missing for a moment more. */
  static async start(): Promise<NatsCluster> {
    const routes: number[] = [];
    for (const _ of NODES) routes.push(await freePort());
    const list = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
    const nodes: NatsServer[] = [];
    for (const n of NODES) {
      const config = [
        `server_name: node-${n}`,
        `cluster { name: test, listen: "127.0.0.1:${routes[n]}", routes: [${list}] }`,
      ];
      nodes.push(await NatsServer.prepare(await freePort(), { version: 'new', config }));
    }
    await Promise.all(nodes.map((node) => node.restart()));
    return new NatsCluster(nodes);
  }

  /** A URL that names all nodes, for a stream with a replica on each. */
  get url(): string {
    const hosts = this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `nats://${hosts}?replicas=3&sync_warning=off`;
  }

  /** The node that leads the stream. */
  async leader(): Promise<NatsServer> {
    const stream = await NatsStream.open(this.nodes[0]!.port);
    const { cluster } = await stream.info();
    await stream.close();
    return this.nodes[Number(cluster?.leader?.at(-1))]!;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
