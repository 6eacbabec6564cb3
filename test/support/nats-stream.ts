/** What a test asks the stream itself: what is stored, and at which subjects. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { HANG_MS } from './until.js';

const PATIENT = { timeout: HANG_MS };

interface Info {
  readonly config: Record<string, unknown>;
  /** In a cluster alone. */
  readonly cluster?: { readonly leader?: string };
  readonly state: { readonly subjects?: Record<string, number>; readonly last_seq: number };
}

export class NatsStream {
  readonly #client: NatsConnection;
  readonly #name: string;

  private constructor(client: NatsConnection, name: string) {
    this.#client = client;
    this.#name = name;
  }

  static async open(
    port: number,
    name = 'resultd',
    login: { readonly user?: string; readonly pass?: string } = {},
  ): Promise<NatsStream> {
    return new NatsStream(await connect({ servers: `127.0.0.1:${port}`, ...login }), name);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async ask<T>(method: string, body: object = {}): Promise<T> {
    const subject = `$JS.API.${method}.${this.#name}`;
    return (await this.#client.request(subject, JSON.stringify(body), PATIENT)).json<T>();
  }

  info(): Promise<Info> {
    return this.ask<Info>('STREAM.INFO', { subjects_filter: '>' });
  }

  /** The subjects of pieces of large tasks. */
  async pieces(): Promise<string[]> {
    const { state } = await this.info();
    return Object.keys(state.subjects ?? {}).filter((name) => name.startsWith(`${this.#name}.~.`));
  }

  /** The subjects of tasks that hold one, not only the trace of one. */
  async tasks(): Promise<string[]> {
    const { state } = await this.info();
    const names = Object.keys(state.subjects ?? {}).filter((name) => name.split('.').length === 3);
    const sizes = await Promise.all(names.map((name) => this.#size(name)));
    return names.filter((_, at) => sizes[at]! > 0);
  }

  async #size(subject: string): Promise<number> {
    const direct = `$JS.API.DIRECT.GET.${this.#name}.${subject}`;
    const reply = await this.#client.request(direct, '', PATIENT);
    return reply.data.length;
  }
}
