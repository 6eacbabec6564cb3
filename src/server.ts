/** Runs the service: listens, and shuts down in order. */
import { type App, buildApp } from './app.js';
import { Broker } from './broker.js';
import type { Config } from './config.js';

/** A service that listens. */
export interface Server {
  /** `http://127.0.0.1:8080`, with the real port. */
  readonly address: string;
  readonly app: App;
  /** Drains, then closes: waiters are answered, running requests and writes are finished. */
  stop(): Promise<void>;
}

/** Starts the service. Throws `store-unavailable`, or Node's error where it cannot listen. */
export async function startServer(config: Config): Promise<Server> {
  const warnings: string[] = [];
  const broker = await Broker.fromUrl(config.backend, {
    ...config,
    onWarning: (message) => warnings.push(message),
  });
  const app = await buildApp(broker, config);
  await app.startup();
  for (const warning of warnings) app.log.warn(warning);
  let address: string;
  try {
    address = await app.http.listen({ host: config.host, port: config.port });
  } catch (error) {
    await app.shutdown();
    throw error;
  }
  return {
    address,
    app,
    async stop() {
      await app.drain(config.drainMs);
      await app.shutdown();
    },
  };
}
