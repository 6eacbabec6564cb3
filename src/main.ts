#!/usr/bin/env node
/** The command `resultd`. The only file that handles signals and ends the process. */
import closeWithGrace from 'close-with-grace';
import { ConfigError, describeSettings, readConfig } from './config.js';
import { withoutCredentials } from './credentials.js';
import { ResultdError } from './errors.js';
import { VERSION } from './http/openapi.js';
import { startServer } from './server.js';

const USAGE = `resultd ${VERSION}: the result backend of a task queue, over HTTP

  resultd serve [flags]    start the service
  resultd --version        print the version
  resultd --help           print this

Every setting is a flag, or a variable:

${describeSettings()}
`;

/** What shutting down may take beyond the drain, in milliseconds. */
const CLOSE_MS = 10_000;

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
  const server = await startServer(config);
  const { log } = server.app;
  closeWithGrace({ delay: config.drainMs + CLOSE_MS, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) log.fatal({ err }, 'stopping after an error that nothing caught');
    else log.info({ signal }, 'shutting down');
    await server.stop();
    log.info('shut down');
  });
  log.info(
    `resultd ${VERSION} on ${withoutCredentials(config.backend)}; docs at ${server.address}/docs`,
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isOurs = error instanceof ConfigError || error instanceof ResultdError;
  const text = isOurs
    ? error.message
    : error instanceof Error
      ? (error.stack ?? '')
      : String(error);
  process.stderr.write(`resultd: ${text}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
});
