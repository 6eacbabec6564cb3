/**
 * Runs the service as a process of its own, or as several: signals start the drain, and its end is the
 * end of the process. `resultd serve` is all that loads it.
 */
import cluster from 'node:cluster';
import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import type { Config } from '../config.js';
import { withoutCredentials } from '../errors.js';
import { VERSION } from '../version.js';
import { brokerFor } from './checked-config.js';
import { type Server, startServer } from './server.js';
import { DRAIN, Supervisor } from './supervisor.js';

/** What shutting down may take beyond the drain, in milliseconds. */
const CLOSE_MS = 10_000;
/** What the processes may take beyond that, before the one that supervises them ends them. */
const KILL_MS = 2_000;
/** The signals that ask a process to end. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** Serves until it is told to end. `onFailure` is told what kept it from starting. */
export async function serve(config: Config, onFailure: (error: unknown) => void): Promise<void> {
  if (config.processes > 1 && cluster.isPrimary) await supervise(config);
  else await run(config, onFailure);
}

/** Serves in this process until it is told to end. */
async function run(config: Config, onFailure: (error: unknown) => void): Promise<void> {
  let server: Server | undefined;
  const stop = async ({ signal, err }: { signal?: string; err?: Error }): Promise<void> => {
    if (server === undefined) {
      if (err !== undefined) onFailure(err);
      return;
    }
    const { log } = server.app;
    if (err !== undefined) log.fatal({ err }, 'stopping after an error that nothing caught');
    else log.info({ signal }, 'shutting down');
    await server.stop();
    log.info('shut down');
  };
  const closing = closeWithGrace(
    {
      delay: config.drainMs + CLOSE_MS,
      logger: false,
      skip: cluster.isWorker ? [...SIGNALS] : [],
      onSecondSignal: (signal) => server?.app.log.error({ signal }, 'ending at once'),
      onTimeout: () => server?.app.log.error('the time to shut down is over: ending now'),
    },
    stop,
  );
  if (cluster.isWorker) obeySupervisor(() => void closing.close());
  server = await startServer(config);
  if (cluster.isPrimary) announce(server.app.log, config, server.address);
}

/**
 * In a process of several, a signal only ever starts the drain, and again does nothing: a terminal
 * sends it to all of them, and the supervisor says the same in its own time. To end at once is the
 * supervisor's to decide. Where it is gone, node:cluster ends its processes.
 */
function obeySupervisor(drain: () => void): void {
  let isDraining = false;
  const drainOnce = (): void => {
    if (!isDraining) drain();
    isDraining = true;
  };
  for (const signal of SIGNALS) process.on(signal, drainOnce);
  process.on('message', (message) => {
    if (message === DRAIN) drainOnce();
  });
}

/** Has several processes serve the port, until it is told to end. */
async function supervise(config: Config): Promise<void> {
  await brokerFor(config.backend, config);
  const log = pino({ level: config.logLevel });
  const supervisor = new Supervisor({ processes: config.processes, log });
  closeWithGrace(
    {
      delay: config.drainMs + CLOSE_MS + KILL_MS,
      logger: false,
      onSecondSignal: (signal) => {
        log.error({ signal }, 'ending all processes at once');
        supervisor.kill();
      },
      onTimeout: () => {
        log.error('the time to shut down is over: ending all processes now');
        supervisor.kill();
      },
    },
    async ({ signal, err }) => {
      if (err !== undefined) log.fatal({ err }, 'stopping after an error that nothing caught');
      else log.info({ signal }, 'shutting down all processes');
      await supervisor.stop();
      log.info('shut down');
    },
  );
  const address = await supervisor.start();
  if (address !== undefined) announce(log, config, address);
}

function announce(log: { info(message: string): void }, config: Config, address: string): void {
  const processes = config.processes > 1 ? `${config.processes} processes of ` : '';
  log.info(
    `${processes}resultd ${VERSION} on ${withoutCredentials(config.backend)}; docs at ${address}/docs`,
  );
}
