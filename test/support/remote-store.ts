/**
 * A remote resultd for the tests of its client: a service of its own, behind a proxy that can cut it
 * off, to be ended and started again on the same store.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, type AppOptions, buildApp } from '../../src/app.js';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { Broker } from '../../src/broker.js';
import { FaultProxy } from './fault-proxy.js';

type Store = LmdbBackend | MemoryBackend;

/** What a service is started on. */
interface Origin {
  readonly create: () => Store;
  /** Removes what it leaves. */
  readonly remove: () => Promise<void>;
  readonly options: AppOptions;
}

export class RemoteStore {
  readonly proxy: FaultProxy;
  readonly #origin: Origin;
  readonly #port: number;
  #backend: Store;
  #app: App | undefined;

  private constructor(
    origin: Origin,
    { app, backend, port, proxy }: { app: App; backend: Store; port: number; proxy: FaultProxy },
  ) {
    this.#origin = origin;
    this.#app = app;
    this.#backend = backend;
    this.#port = port;
    this.proxy = proxy;
  }

  /** A service over memory, which a restart empties. */
  static memory(options: AppOptions = {}): Promise<RemoteStore> {
    return RemoteStore.#start({
      create: () => new MemoryBackend(),
      remove: async () => {},
      options,
    });
  }

  /** A service over LMDB in a fresh directory. */
  static async lmdb(options: AppOptions = {}): Promise<RemoteStore> {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-remote-'));
    return RemoteStore.#start({
      create: () => new LmdbBackend({ directory }),
      remove: () => rm(directory, { recursive: true }),
      options,
    });
  }

  static async #start(origin: Origin): Promise<RemoteStore> {
    const backend = origin.create();
    const { app, port } = await serve(backend, 0, origin.options);
    const proxy = await FaultProxy.start(port);
    return new RemoteStore(origin, { app, backend, port, proxy });
  }

  /** By way of the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  /** Waiters that the service holds. */
  get parked(): number {
    return this.#app?.hub.parked ?? 0;
  }

  /** Streams of events that the service has open. */
  get readers(): number {
    return this.#app?.events.readers ?? 0;
  }

  /** Where the service is, without the proxy. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get storedTasks(): number {
    return this.#backend.storedTasks;
  }

  /** Its connections break, and it is gone. */
  async kill(): Promise<void> {
    this.proxy.welcome = 'refuse';
    this.proxy.cut();
    const app = this.#app;
    this.#app = undefined;
    await app?.shutdown();
  }

  /** Starts it again on the same store and port. */
  async restart(): Promise<void> {
    this.#backend = this.#origin.create();
    this.#app = (await serve(this.#backend, this.#port, this.#origin.options)).app;
    this.proxy.heal();
  }

  /** Its connections stay, and nothing is answered. */
  freeze(): void {
    this.proxy.toServer = { isFrozen: true };
    this.proxy.toClient = { isFrozen: true };
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.#app?.shutdown();
    await this.#origin.remove();
  }
}

async function serve(
  backend: Store,
  port: number,
  options: AppOptions,
): Promise<{ app: App; port: number }> {
  const app = await buildApp(new Broker(backend), { logLevel: 'silent', ...options });
  await app.startup();
  const address = await app.http.listen({ host: '127.0.0.1', port });
  return { app, port: Number(new URL(address).port) };
}
