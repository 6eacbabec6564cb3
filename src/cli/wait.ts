/** `resultd wait`: until tasks are ready. Progress is shown on a terminal while it waits. */

import { CONNECTION_FLAGS, durationFlag, JSON_FLAG, switchFlag } from '../config/flags.js';
import { viewWithOutcome } from '../record/embedded-outcome.js';
import { WITH_BODY, WITH_LOG } from '../record/entry.js';
import { checkTaskId, MOST_IDS } from '../record/names.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';
import { Awaiting, type Found } from './awaiting.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { backendOf } from './connection.js';
import { codeOfSignal, EXIT_CODES } from './exit-codes.js';
import { LOGS_FLAG } from './get.js';
import { notReady, removed, unknown } from './missing-task.js';
import { codeOf, printOutcome, summaryOf } from './outcome-text.js';
import { fit, Style, seconds } from './style.js';
import { WaitDisplay } from './wait-display.js';

const FLAGS = {
  timeout: durationFlag('How long to wait; without it, without end'),
  any: switchFlag('Wait until one of the tasks is ready, not all'),
  ...CONNECTION_FLAGS,
  'with-logs': LOGS_FLAG,
  json: JSON_FLAG,
};

export const wait = defineCommand({
  synopsis: 'ID… [flags]',
  description: [
    'Waits until all of the tasks are ready, known or not. One task is printed as get does. Of ' +
      'several, each is a line when it becomes ready: id, state, seconds, and its value as JSON or ' +
      'its exception, with tabs between them; with --json, a document with its status and outcome.',
    'It lives through restarts of the service. The exit code is the highest of what holds: 1 where a ' +
      'task failed, 3 where one was not ready in time or was removed meanwhile, 4 where the service ' +
      'could not be asked in the end.',
  ],
  positionals: { least: 1, most: MOST_IDS },
  flags: FLAGS,
  run: (args, context) => new Waiting(args, context).run(),
});

class Waiting {
  readonly #args: ParsedArguments<typeof FLAGS>;
  readonly #context: Context;
  readonly #pending: Set<string>;
  readonly #isOne: boolean;
  readonly #interrupted = new AbortController();
  #display: WaitDisplay | undefined;
  #signal: NodeJS.Signals | undefined;
  #code: number = EXIT_CODES.success.code;

  constructor(args: ParsedArguments<typeof FLAGS>, context: Context) {
    this.#args = args;
    this.#context = context;
    this.#pending = new Set(args.positionals);
    this.#isOne = this.#pending.size === 1;
  }

  async run(): Promise<number> {
    for (const taskId of this.#pending) checkTaskId(taskId);
    const { flags } = this.#args;
    const backend = await backendOf(flags, this.#context, flags.timeout);
    const awaiting = new Awaiting(backend, {
      parts: flags['with-logs'] === true ? WITH_LOG : WITH_BODY,
      timeoutMs: flags.timeout ?? Number.POSITIVE_INFINITY,
      signal: this.#interrupted.signal,
      onFailure: (error) => this.#warn(`${error.message}; waiting goes on`),
    });
    this.#display = WaitDisplay.on(this.#context, backend, this.#pending);
    const stopListening = this.#context.onSignal((signal) => {
      this.#signal = signal;
      this.#interrupted.abort();
    });
    try {
      await this.#waitForAll(awaiting);
      if (this.#signal !== undefined) return codeOfSignal(this.#signal);
      await this.#tellPending(backend);
      return this.#code;
    } finally {
      stopListening();
      this.#display?.end();
      await awaiting.stop();
      await backend.shutdown();
    }
  }

  async #waitForAll(awaiting: Awaiting): Promise<void> {
    while (this.#pending.size > 0) {
      const [first = ''] = this.#pending;
      const one = this.#isOne ? await awaiting.one(first) : undefined;
      const found = this.#isOne ? one && [one] : await awaiting.some([...this.#pending]);
      if (found === undefined) return;
      for (const each of found) this.#tell(each);
      if (this.#args.flags.any === true) return;
    }
  }

  #tell({ taskId, snapshot }: Found): void {
    this.#pending.delete(taskId);
    this.#display?.hide();
    if (snapshot === undefined) {
      this.#warn(removed(taskId).message);
      this.#atLeast(EXIT_CODES.notReady.code);
    } else if (this.#isOne) {
      const json = this.#args.flags.json === true;
      this.#atLeast(printOutcome(snapshot, { json }, this.#context));
    } else {
      this.#context.stdout.write(this.#lineOf(snapshot));
      this.#atLeast(codeOf(snapshot));
    }
  }

  #lineOf(snapshot: TaskSnapshot): string | Buffer {
    const { stdout, settings } = this.#context;
    if (this.#args.flags.json === true) {
      return Buffer.concat([viewWithOutcome(snapshot), Buffer.from('\n')]);
    }
    const { taskId, state } = snapshot;
    const summary = summaryOf(snapshot);
    if (stdout.isTTY !== true) {
      return `${taskId}\t${state}\t${snapshot.executionTime}\t${summary}\n`;
    }
    const style = new Style(stdout, settings.wantsColour);
    const time = seconds(Number(snapshot.executionTime)).padStart(6);
    const room = Math.max(10, (stdout.columns || 80) - taskId.length - 19);
    return `${style.state(state, state)}  ${style.dim(time)}  ${style.bold(taskId)}  ${fit(summary, room).trimEnd()}\n`;
  }

  /** Says which tasks are not ready; with `any`, only where none was. */
  async #tellPending(backend: ResultBackend): Promise<void> {
    const { flags, positionals } = this.#args;
    if (this.#pending.size === 0) return;
    if (flags.any === true && this.#pending.size < new Set(positionals).size) return;
    this.#display?.hide();
    this.#atLeast(EXIT_CODES.notReady.code);
    const ids = [...this.#pending];
    const snapshots = await backend.getMany(ids);
    for (const [index, taskId] of ids.entries()) {
      const snapshot = snapshots[index];
      const why = snapshot === undefined ? unknown(taskId) : notReady(snapshot);
      this.#warn(this.#isOne ? why.message : (why.message.split('. To wait')[0] ?? ''));
    }
  }

  #atLeast(code: number): void {
    this.#code = Math.max(this.#code, code);
  }

  #warn(message: string): void {
    this.#display?.hide();
    this.#context.stderr.write(`resultd: ${message}\n`);
  }
}
