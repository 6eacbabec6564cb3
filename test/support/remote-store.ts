/**
 * A remote resultd for the tests of its client: a service of its own, behind a proxy that can cut it
 * off, to be ended and started again on the same store.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, buildApp } from '../../src/app.js';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import { Broker } from '../../src/broker.js';
import { FaultProxy } from './fault-proxy.js';

export class RemoteStore {
  readonly proxy: FaultProxy;
  readonly #port: number;
  readonly #create: () => LmdbBackend | MemoryBackend;
  readonly #remove: () => Promise<void>;
  #app: App | undefined;
  #backend: LmdbBackend | MemoryBackend;

  private constructor(
    create: () => LmdbBackend | MemoryBackend,
    remove: () => Promise<void>,
    started: { app: App; backend: LmdbBackend | MemoryBackend; port: number; proxy: FaultProxy },
  ) {
    this.#create = create;
    this.#remove = remove;
    this.#app = started.app;
    this.#backend = started.backend;
    this.#port = started.port;
    this.proxy = started.proxy;
  }

  /** A service over memory, which a restart empties. */
  static memory(): Promise<RemoteStore> {
    return RemoteStore.#start(
      () => new MemoryBackend(),
      async () => {},
    );
  }

  /** A service over LMDB in a fresh directory. */
  static async lmdb(): Promise<RemoteStore> {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-remote-'));
    return RemoteStore.#start(
      () => new LmdbBackend({ directory }),
      () => rm(directory, { recursive: true }),
    );
  }

  static async #start(
    create: () => LmdbBackend | MemoryBackend,
    remove: () => Promise<void>,
  ): Promise<RemoteStore> {
    const backend = create();
    const { app, port } = await serve(backend, 0);
    const proxy = await FaultProxy.start(port);
    return new RemoteStore(create, remove, { app, backend, port, proxy });
  }

  /** By way of the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
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
    this.#backend = this.#create();
    this.#app = (await serve(this.#backend, this.#port)).app;
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
    await this.#remove();
  }
}

async function serve(
  backend: LmdbBackend | MemoryBackend,
  port: number,
): Promise<{ app: App; port: number }> {
  const app = await buildApp(new Broker(backend), { logLevel: 'silent' });
  await app.startup();
  const address = await app.http.listen({ host: '127.0.0.1', port });
  return { app, port: Number(new URL(address).port) };
}
