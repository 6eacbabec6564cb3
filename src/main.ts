#!/usr/bin/env node
/**
 * The command `resultd`. The only file that handles signals and ends the process, beside `service/serve.ts`,
 * which runs the service.
 */
import { writeSync } from 'node:fs';
import { asksForHelp, readArguments, UsageError } from './cli/arguments.js';
import type { Command, Context } from './cli/command.js';
import { COMMANDS } from './cli/commands.js';
import type { ConnectionFlags } from './cli/connection.js';
import { EXIT_CODES, exitCodeOf } from './cli/exit-codes.js';
import { generalHelp, helpOf, serveHelp } from './cli/help.js';
import { writeWhole } from './cli/output-file.js';
import { ConfigError, readClientSettings } from './config.js';
import { ResultdError, shown } from './errors.js';
import { VERSION } from './version.js';

/** The signals that a command may handle by itself. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

/** Resolves to the exit code; undefined where the service runs on. */
async function main(
  [name, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number | undefined> {
  if (name === '--version') return print(process.stdout, `${VERSION}\n`);
  if (name === '--help' || name === '-h' || name === 'help') {
    return print(process.stdout, generalHelp());
  }
  const entry = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === undefined || entry === undefined) {
    const mistake = name === undefined ? '' : `resultd: ${shown(name)} is not a command\n\n`;
    print(process.stderr, mistake + generalHelp());
    return EXIT_CODES.usage.code;
  }
  if (entry.load === undefined) return serve(args, env);
  const command = await entry.load();
  if (asksForHelp(args)) return print(process.stdout, helpOf(name, command));
  try {
    return await run(command, args, contextOf(env));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}\nresultd ${name} --help says more`);
  }
}

async function run(command: Command, args: readonly string[], context: Context): Promise<number> {
  const { parsed, mistakes } = readArguments(args, command);
  if (mistakes.length === 0) return command.run(parsed, context);
  // One list of all mistakes, what is wrong with the URL among them, wherever that came from.
  const { mistakesInUrl } = await import('./cli/connection.js');
  const ofUrl = await mistakesInUrl(parsed.flags as ConnectionFlags, context);
  throw new UsageError([...mistakes, ...ofUrl].join('\n'));
}

async function serve(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number | undefined> {
  if (asksForHelp(args)) return print(process.stdout, serveHelp());
  const { checkedConfig } = await import('./service/checked-config.js');
  const config = await checkedConfig(args, env);
  const service = await import('./service/serve.js');
  await service.serve(config, fail);
  return undefined;
}

/** What is to end when the output does, and why that ended. */
const goneListeners: (() => void)[] = [];
let lostOutput: NodeJS.ErrnoException | undefined;

function listenToOutput(): void {
  writeWhole(process.stdout);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more (`| head`): that is no mistake, and nobody is left to tell.
    if (error.code !== 'EPIPE') lostOutput ??= error;
    for (const listener of goneListeners) listener();
  });
  process.stderr.on('error', () => {});
}

function contextOf(env: NodeJS.ProcessEnv): Context {
  const { stdin, stdout, stderr } = process;
  return {
    settings: readClientSettings(env),
    env,
    stdin,
    stdout,
    stderr,
    onSignal: (listener) => {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
    onOutputGone: (listener) => goneListeners.push(listener),
  };
}

function print(stream: NodeJS.WriteStream, text: string): number {
  stream.write(text);
  return EXIT_CODES.success.code;
}

/** Says what went wrong. A stack is shown only where nobody foresaw it. */
function fail(error: unknown): void {
  const isOurs = [ConfigError, UsageError, ResultdError].some((kind) => error instanceof kind);
  const text =
    error instanceof Error ? (isOurs ? error.message : (error.stack ?? '')) : String(error);
  process.stderr.write(`resultd: ${text.replaceAll('\n', '\n  ')}\n`);
}

/**
 * Ends the process when all that was written is on its way: a pipe takes it in pieces. A script must
 * not take the half of an outcome for the whole; `exec` has it stored, and ends as its command did.
 */
async function end(code: number): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.destroyed && stream.writable) {
      await new Promise((resolve) => {
        stream.once('close', resolve).once('error', resolve).write('', resolve);
      });
    }
  }
  if (lostOutput === undefined) process.exit(code);
  writeSync(2, `resultd: the output could not be written: ${lostOutput.message}\n`);
  process.exit(process.argv[2] === 'exec' ? code : EXIT_CODES.notWritten.code);
}

const isService = process.argv[2] === 'serve';
if (!isService) listenToOutput();
main(process.argv.slice(2), process.env).then(
  (code) => (code === undefined ? undefined : end(code)),
  (error: unknown) => {
    fail(error);
    const mistake = error instanceof ConfigError ? EXIT_CODES.usage.code : 1;
    return end(isService ? mistake : exitCodeOf(error));
  },
);
