/** `resultd watch`: what becomes of tasks, as a live table or as lines. */

import { withoutCredentials } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import { advanceOf } from './advance.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { urlOf, withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { CONNECTION_FLAGS, JSON_FLAG } from './flags.js';
import { LiveTable } from './live-table.js';
import { Style } from './style.js';
import { type Change, TaskFeed } from './task-feed.js';

const FLAGS = { ...CONNECTION_FLAGS, json: JSON_FLAG };

export const watch = defineCommand({
  synopsis: '[ID…] [flags]',
  description: [
    'Shows all tasks, or those that are named, as they change: on a terminal as a table, with counts by ' +
      'state and a bar where the progress is {"current":3,"total":10}, {"percent":30}, or a number from 0 ' +
      'to 1 or up to 100. In a pipe each change is a line: time, id, state and progress, with tabs ' +
      'between them; with --json, the status of the task. Tasks that are named begin with their present ' +
      'status. Changes within a tenth of a second become one.',
    'Ctrl-C ends it, with exit code 0.',
  ],
  positionals: { least: 0, most: 10_000 },
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
    const what = positionals.length === 0 ? '' : `, ${positionals.length} tasks`;
    const table = new LiveTable(backend, {
      stdout,
      style: new Style(stdout, settings.wantsColour),
      title: `resultd at ${withoutCredentials(urlOf(flags, context))}${what}`,
      hasCounts: positionals.length === 0 && backend.supports.listing,
    });
    const feed = new TaskFeed(backend, {
      taskIds: positionals,
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
    const lineOf = flags.json === true ? jsonLine : plainLine;
    const feed = new TaskFeed(backend, {
      taskIds: positionals,
      onChange: (change) => stdout.write(lineOf(change)),
      onTrouble: (error) =>
        stderr.write(`resultd: ${error === undefined ? 'it can be asked again' : error.message}\n`),
    });
    try {
      const tasks = await feed.start();
      if (positionals.length > 0) {
        for (const snapshot of tasks) stdout.write(lineOf({ taskId: snapshot.taskId, snapshot }));
      }
      await ended;
    } finally {
      await feed.stop();
    }
    return EXIT_CODES.success.code;
  });
}

function plainLine({ taskId, snapshot }: Change): string {
  if (snapshot === undefined) return `${new Date().toISOString()}\t${taskId}\tREMOVED\t\n`;
  const { fraction, text } = advanceOf(snapshot);
  const percent = fraction === undefined ? '' : `${Math.floor(fraction * 100)}%`;
  const progress = [percent, text].filter((part) => part !== '').join(' ');
  return `${new Date(snapshot.updatedAt).toISOString()}\t${taskId}\t${snapshot.state}\t${progress}\n`;
}

/** The status view; a line break in it is white space between values, which a line cannot hold. */
function jsonLine({ taskId, snapshot }: Change): string {
  if (snapshot === undefined) return `{"task_id":"${taskId}","removed":true}\n`;
  return `${snapshot.toStatusView().replace(/[\r\n]/g, ' ')}\n`;
}
