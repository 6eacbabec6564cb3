/**
 * A TCP proxy that misbehaves when told to: it delays, freezes and drips bytes, each direction
 * apart, cuts connections (in the middle of a reply, if asked), leaves them half open, and refuses
 * or swallows new ones. Bytes are never changed, reordered or lost on a connection that goes on.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How one direction of every connection passes bytes on. */
export interface Flow {
  /** How much later bytes are passed on, in milliseconds. Default: 0. */
  readonly delayMs: number;
  /** Nothing is passed on, and after a while nothing more is taken. */
  readonly isFrozen: boolean;
  /** Pass on so many bytes at a time, one portion in so many milliseconds. */
  readonly drip: { readonly bytes: number; readonly everyMs: number } | undefined;
}

/** What becomes of new connections: `swallow` takes them and never answers. */
export type Welcome = 'pass' | 'refuse' | 'swallow';

const CALM: Flow = { delayMs: 0, isFrozen: false, drip: undefined };
/** A direction takes no more than this ahead of what it has passed on. */
const MOST_QUEUED_BYTES = 64 * 1_024;
/** How much of what a client sends first is kept, to tell connections apart. */
const KEPT_BYTES = 4_096;

export class FaultProxy {
  /** What new connections meet. */
  welcome: Welcome = 'pass';
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #swallowed = new Set<Socket>();
  #toServer = CALM;
  #toClient = CALM;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on('connection', (socket) => this.#meet(socket));
  }

  /** A proxy on a free port of 127.0.0.1, in front of another port there. */
  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new FaultProxy(server, targetPort);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** The connections that are open now. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections];
  }

  /** Changes how bytes go from clients to the server, on open connections too. */
  set toServer(changes: Partial<Flow>) {
    this.#toServer = { ...this.#toServer, ...changes };
    for (const connection of this.#connections) connection.toServer.follow(this.#toServer);
  }

  /** Changes how bytes go from the server to clients. */
  set toClient(changes: Partial<Flow>) {
    this.#toClient = { ...this.#toClient, ...changes };
    for (const connection of this.#connections) connection.toClient.follow(this.#toClient);
  }

  /** Cuts connections, both ends at once, and with them the bytes on the way. */
  cut(which: (connection: ProxiedConnection) => boolean = () => true): number {
    const chosen = this.connections.filter(which);
    for (const connection of chosen) connection.cut();
    return chosen.length;
  }

  /** From now on bytes pass, and connections are taken. What was cut stays cut. */
  heal(): void {
    this.welcome = 'pass';
    this.toServer = CALM;
    this.toClient = CALM;
    for (const connection of this.#connections) connection.cutReplyAfter(Number.POSITIVE_INFINITY);
    for (const socket of this.#swallowed) socket.destroy();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    for (const socket of this.#swallowed) socket.destroy();
    await once(this.#server, 'close');
  }

  #meet(client: Socket): void {
    client.on('error', () => {});
    if (this.welcome === 'refuse') {
      client.resetAndDestroy();
    } else if (this.welcome === 'swallow') {
      this.#swallowed.add(client.resume());
      client.once('close', () => this.#swallowed.delete(client));
    } else {
      const connection = new ProxiedConnection(client, this.#targetPort);
      this.#connections.add(connection);
      connection.toServer.follow(this.#toServer);
      connection.toClient.follow(this.#toClient);
      connection.onGone = () => this.#connections.delete(connection);
    }
  }
}

/** One client's connection, and the one to the server that stands for it. */
export class ProxiedConnection {
  readonly toServer: Pipe;
  readonly toClient: Pipe;
  onGone: () => void = () => {};
  readonly #client: Socket;
  readonly #upstream: Socket;
  #sent = '';
  #isAbandoned = false;

  constructor(client: Socket, targetPort: number) {
    this.#client = client.setNoDelay();
    this.#upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    this.#upstream.setNoDelay().on('error', () => {});
    this.toServer = new Pipe(client, this.#upstream);
    this.toClient = new Pipe(this.#upstream, client);
    client.on('data', (bytes: Buffer) => {
      if (this.#sent.length < KEPT_BYTES) this.#sent += bytes.toString('latin1');
    });
    client.once('close', () => this.cut());
    // One that ended in order may have bytes on the way: the client ends after them.
    this.#upstream.once('close', (hadError) => {
      if (hadError && !this.#isAbandoned) this.cut();
    });
  }

  /** Whether the client has sent this text among its first bytes; case does not matter. */
  hasSent(text: string): boolean {
    return this.#sent.toLowerCase().includes(text.toLowerCase());
  }

  cut(): void {
    this.#client.destroy();
    this.#upstream.destroy();
    this.onGone();
  }

  /** Passes so many more bytes to the client, and then cuts the connection. */
  cutReplyAfter(bytes: number): void {
    this.toClient.stopAfter(bytes, () => this.cut());
  }

  /** Ends the connection to the server, and does not tell the client: half open. */
  abandon(): void {
    this.#isAbandoned = true;
    this.toClient.follow({ ...CALM, isFrozen: true });
    this.#upstream.destroy();
  }
}

/** One direction of one connection. */
class Pipe {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #queue: { bytes: Buffer; readonly due: number }[] = [];
  #queuedBytes = 0;
  #flow = CALM;
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #left = Number.POSITIVE_INFINITY;
  #onLeft: () => void = () => {};

  constructor(source: Socket, sink: Socket) {
    this.#source = source;
    this.#sink = sink;
    source.on('data', (bytes: Buffer) => {
      this.#queue.push({ bytes, due: performance.now() + this.#flow.delayMs });
      this.#queuedBytes += bytes.length;
      this.#pump();
    });
    source.once('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    sink.once('close', () => clearTimeout(this.#timer));
    sink.on('drain', () => this.#pump());
  }

  follow(flow: Flow): void {
    this.#flow = flow;
    this.#pump();
  }

  stopAfter(bytes: number, then: () => void): void {
    this.#left = bytes;
    this.#onLeft = then;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#flow.isFrozen && !this.#sink.writableNeedDrain && this.#queue.length > 0) {
      const waitMs = Math.max(this.#queue[0]!.due, this.#nextAt) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs));
        break;
      }
      this.#pass(this.#queue[0]!);
    }
    if (this.#queuedBytes > MOST_QUEUED_BYTES) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
    if (this.#hasEnded && this.#queue.length === 0) this.#sink.end();
  }

  #pass(head: { bytes: Buffer }): void {
    const { drip } = this.#flow;
    const most = Math.min(drip?.bytes ?? head.bytes.length, this.#left);
    const portion = head.bytes.subarray(0, most);
    head.bytes = head.bytes.subarray(portion.length);
    if (head.bytes.length === 0) this.#queue.shift();
    this.#queuedBytes -= portion.length;
    if (drip !== undefined) this.#nextAt = performance.now() + drip.everyMs;
    this.#left -= portion.length;
    const isLast = this.#left <= 0;
    if (!this.#sink.destroyed) this.#sink.write(portion, isLast ? this.#onLeft : undefined);
    if (isLast) this.#flow = { ...this.#flow, isFrozen: true };
  }
}
