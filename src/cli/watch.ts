/** `resultd watch`: what becomes of tasks, as a live table or as lines. */

import { ASKING_FLAGS, JSON_FLAG } from '../config/flags.js';
import { counted, withoutCredentials } from '../errors.js';
import { checkTaskId, MOST_IDS } from '../record/names.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { urlOf, withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { LiveTable } from './live-table.js';
import { Style } from './style.js';
import { type Change, TaskFeed } from './task-feed.js';
import { jsonLine, plainLine } from './task-lines.js';

const FLAGS = { ...ASKING_FLAGS, json: JSON_FLAG };

export const watch = defineCommand({
  synopsis: '[ID…] [flags]',
  description: [
    'Shows all tasks, or those that are named, as they change: on a terminal as a table, with counts by ' +
      'state, a bar where the progress is {"done":3,"of":10}, {"percent":30} or a number below 1 or up to 100, ' +
      'and why a task failed. In a pipe each change is a line: time, id, state, and progress or why it ' +
      'failed, with tabs between them; with --json, the status of the task. Tasks that are named begin ' +
      'with their present status. Changes within a tenth of a second become one.',
    'Ctrl-C ends it, with exit code 0.',
  ],
  positionals: { least: 0, most: MOST_IDS },
  flags: FLAGS,
  run: (args, context) => {
    for (const taskId of args.positionals) checkTaskId(taskId);
    const isLive = context.stdout.isTTY === true && args.flags.json !== true;
    return isLive ? showTable(args, context) : printLines(args, context);
  },
});

type WatchArguments = ParsedArguments<typeof FLAGS>;

/** Resolves when the user has had enough. */
function untilEnd({ onSignal, onOutputGone }: Context): Promise<void> {
  return new Promise((resolve) => {
    onSignal(() => resolve());
    onOutputGone(resolve);
  });
}

function showTable({ flags, positionals }: WatchArguments, context: Context): Promise<number> {
  return withBackend(flags, context, async (backend) => {
    const ended = untilEnd(context);
    const { stdout, settings } = context;
    const { size } = new Set(positionals);
    const what = size === 0 ? '' : `, ${counted(size, 'task')}`;
    const table = new LiveTable(backend, {
      stdout,
      style: new Style(stdout, settings.wantsColour),
      title: `resultd at ${withoutCredentials(urlOf(flags, context))}${what}`,
      hasCounts: positionals.length === 0 && backend.supports.listing,
    });
    const feed = new TaskFeed(backend, {
      taskIds: positionals,
      hasReasons: true,
      onChange: (change) => table.change(change),
      onTrouble: (error) => table.trouble(error),
    });
    try {
      const tasks = await feed.start();
      table.open(tasks);
      await ended;
    } finally {
      table.close();
      await feed.stop();
    }
    return EXIT_CODES.success.code;
  });
}

function printLines({ flags, positionals }: WatchArguments, context: Context): Promise<number> {
  return withBackend(flags, context, async (backend) => {
    const ended = untilEnd(context);
    const { stdout, stderr } = context;
    const lineOf = (change: Change): string => changeLine(change, flags.json === true);
    const feed = new TaskFeed(backend, {
      taskIds: positionals,
      hasReasons: flags.json !== true,
      onChange: (change) => stdout.write(lineOf(change)),
      onTrouble: (error) =>
        stderr.write(`resultd: ${error === undefined ? 'it can be asked again' : error.message}\n`),
    });
    try {
      const tasks = await feed.start();
      if (positionals.length > 0) {
        for (const task of tasks) stdout.write(lineOf({ taskId: task.snapshot.taskId, task }));
      }
      await ended;
    } finally {
      await feed.stop();
    }
    return EXIT_CODES.success.code;
  });
}

function changeLine({ taskId, task }: Change, isJson: boolean): string {
  if (task !== undefined) return isJson ? jsonLine(task) : plainLine(task);
  if (isJson) return `{"task_id":"${taskId}","removed":true}\n`;
  return `${new Date().toISOString()}\t${taskId}\tREMOVED\t\n`;
}
