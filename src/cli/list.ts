/** `resultd list`: the tasks that there are, a page of them or all. */

import {
  ASKING_FLAGS,
  JSON_FLAG,
  manyFlag,
  momentFlag,
  switchFlag,
  textFlag,
} from '../config/flags.js';
import type { ResultBackend } from '../result-backend.js';
import { UsageError } from './arguments.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { withoutReasons, withReasons } from './failures.js';
import { printTasks } from './task-printer.js';

const LIMIT = 100;
/** The most that a store lists at once. */
const PAGE = 1_000;

const FLAGS = {
  state: manyFlag('STATE', 'Only tasks in this state; it may be given several times'),
  'updated-after': momentFlag('Only tasks that changed after this, such as 1h ago', Math.floor),
  'updated-before': momentFlag('Only tasks that last changed before this', Math.ceil),
  limit: {
    placeholder: 'COUNT',
    help: `At most so many tasks (default ${LIMIT})`,
    parse: (text: string) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined),
  },
  all: switchFlag('All tasks, however many there are'),
  cursor: textFlag('CURSOR', 'Go on where a list has stopped, which has said this'),
  ...ASKING_FLAGS,
  json: JSON_FLAG,
};

export const list = defineCommand({
  synopsis: '[flags]',
  description: [
    'Lists tasks, the last changed first: on a terminal as a table, in a pipe a line for each: time, id, ' +
      'state, and progress or why it failed, with tabs between them; with --json, its status. Where there ' +
      'are more, the error output says how to go on. A time is a duration, so long ago, or written as ' +
      '2024-06-10T06:13:20Z.',
    'No task comes twice in a list. One that changes meanwhile may be missing: it heads the next.',
  ],
  positionals: { least: 0, most: 0 },
  flags: FLAGS,
  run: ({ flags }, context) => {
    if (flags.all === true && flags.limit !== undefined) {
      throw new UsageError('--all and --limit exclude each other');
    }
    return withBackend(flags, context, async (backend) => {
      const cursor = await printPages(backend, flags, context);
      if (cursor !== undefined) {
        context.stderr.write(`resultd: there are more: add --all, or --cursor ${cursor}\n`);
      }
      return EXIT_CODES.success.code;
    });
  },
});

/** Prints as many as are wanted; resolves to where the rest begins. */
async function printPages(
  backend: ResultBackend,
  flags: ParsedArguments<typeof FLAGS>['flags'],
  context: Context,
): Promise<string | undefined> {
  let isGone = false;
  context.onOutputGone(() => {
    isGone = true;
  });
  const json = flags.json === true;
  let left = flags.all === true ? Number.POSITIVE_INFINITY : (flags.limit ?? LIMIT);
  let cursor = flags.cursor;
  do {
    const { items, nextCursor } = await backend.list({
      states: flags.state,
      updatedAfter: flags['updated-after'],
      updatedBefore: flags['updated-before'],
      limit: Math.min(left, PAGE),
      cursor,
    });
    const tasks = json ? withoutReasons(items) : await withReasons(backend, items);
    await printTasks(tasks, { json }, context);
    left -= items.length;
    cursor = nextCursor;
  } while (cursor !== undefined && left > 0 && !isGone);
  return isGone ? undefined : cursor;
}
