#!/usr/bin/env node
/** The command `resultd`. The only file that handles signals and ends the process. */
import cluster from 'node:cluster';
import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { Broker } from './broker.js';
import { type Config, ConfigError, describeSettings, readConfig } from './config.js';
import { withoutCredentials } from './credentials.js';
import { ResultdError } from './errors.js';
import { VERSION } from './http/openapi.js';
import { type Server, startServer } from './server.js';
import { DRAIN, Supervisor } from './supervisor.js';

const USAGE = `resultd ${VERSION}: the result backend of a task queue, over HTTP

  resultd serve [flags]    start the service
  resultd --version        print the version
  resultd --help           print this

Every setting is a flag, or a variable:

${describeSettings()}
`;

/** What shutting down may take beyond the drain, in milliseconds. */
const CLOSE_MS = 10_000;
/** What the processes may take beyond that, before the one that supervises them ends them. */
const KILL_MS = 2_000;
/** The signals that ask a process to end. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

async function main([command, ...args]: string[]): Promise<void> {
  switch (command) {
    case 'serve':
      await serve(args);
      return;
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(USAGE);
      return;
    case '--version':
      process.stdout.write(`${VERSION}\n`);
      return;
    default:
      process.stderr.write(
        command === undefined ? USAGE : `resultd: ${command} is not a command\n\n${USAGE}`,
      );
      process.exitCode = 2;
  }
}

async function serve(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return;
  }
  const config = readConfig(args, process.env);
  if (config.processes > 1 && cluster.isPrimary) await supervise(config);
  else await run(config);
}

/** Serves in this process until it is told to end. */
async function run(config: Config): Promise<void> {
  let server: Server | undefined;
  const stop = async ({ signal, err }: { signal?: string; err?: Error }): Promise<void> => {
    if (server === undefined) {
      if (err !== undefined) fail(err);
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
  const { resultBackend } = await Broker.fromUrl(config.backend, config);
  if (!resultBackend.supports.shared) {
    throw new ConfigError(
      `${config.processes} processes (--processes, RESULTD_PROCESSES) cannot share the store ` +
        `${withoutCredentials(config.backend)}, which belongs to one process alone: ` +
        'use a store such as redis://…, or --processes 1',
    );
  }
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

function fail(error: unknown): void {
  const isOurs = error instanceof ConfigError || error instanceof ResultdError;
  const text = isOurs
    ? error.message
    : error instanceof Error
      ? (error.stack ?? '')
      : String(error);
  process.stderr.write(`resultd: ${text}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  fail(error);
  process.exit(error instanceof ConfigError ? 2 : 1);
});
