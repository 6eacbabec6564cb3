/** Runs the service: listens, and shuts down in order. */
import { type App, buildApp } from '../app.js';
import { type Config, ConfigError } from '../config.js';
import { ResultdError, shown } from '../errors.js';
import { pause, persist } from '../timing.js';
import { brokerFor } from './checked-config.js';

/** The longest pause between two attempts to reach a store that is waited for. */
const LONGEST_PAUSE_MS = 5_000;

/** A service that listens. */
export interface Server {
  /** `http://127.0.0.1:8080`, with the real port. */
  readonly address: string;
  readonly app: App;
  /**
   * Drains, then closes: waiters are answered over the whole drain time, for which everything is
   * served, so that a balancer sees that this one is not ready; then what runs is finished.
   */
  stop(): Promise<void>;
}

/** Starts the service. Throws `store-unavailable`, or why it cannot listen. */
export async function startServer(config: Config): Promise<Server> {
  const warnings: string[] = [];
  const broker = await brokerFor(config.backend, {
    ...config,
    onWarning: (message) => warnings.push(message),
  });
  const app = await buildApp(broker, config);
  await persist(() => broker.startup(), {
    withinMs: config.waitForStoreMs,
    longestPauseMs: LONGEST_PAUSE_MS,
    onFailure: ({ message }, attempt) => {
      if (attempt === 1) app.log.warn(`waiting for the store: ${message}`);
    },
  });
  await app.startup();
  for (const warning of warnings) app.log.warn(warning);
  let address: string;
  try {
    address = await app.http.listen({ host: config.host, port: config.port });
  } catch (error) {
    await app.shutdown();
    throw cannotListen(error as NodeJS.ErrnoException, config);
  }
  return {
    address,
    app,
    async stop() {
      await Promise.all([app.drain(config.drainMs), pause(config.drainMs)]);
      await app.shutdown();
    },
  };
}

/** Why the service cannot listen, and what to do. */
function cannotListen(error: NodeJS.ErrnoException, { host, port }: Config): Error {
  const reason = LISTEN_FAILURES[error.code ?? ''];
  if (reason === undefined) return error;
  if (error.code === 'ENOTFOUND' || error.code === 'EADDRNOTAVAIL') {
    return new ConfigError([`--host (RESULTD_HOST) is ${shown(host)}: ${reason}`]);
  }
  return new ResultdError(
    'invalid-parameter',
    `cannot listen on port ${port} of ${host}: ${reason}`,
    { cause: error },
  );
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another process listens there already. Stop it, or choose another port with --port (RESULTD_PORT)',
  EACCES:
    'this user may not. Choose a port from 1024 on with --port (RESULTD_PORT), or allow it to',
  EADDRNOTAVAIL: 'this machine has no such address. Choose another with --host (RESULTD_HOST)',
  ENOTFOUND: 'that name has no address. Choose another with --host (RESULTD_HOST)',
};
