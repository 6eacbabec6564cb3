/** `resultd status`: what is known of tasks, without what they returned. */

import { ASKING_FLAGS, JSON_FLAG } from '../config/flags.js';
import { MOST_IDS } from '../record/names.js';
import { defineCommand } from './command.js';
import { withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { withoutReasons, withReasons } from './failures.js';
import { unknown } from './missing-task.js';
import { printTasks } from './task-printer.js';

export const status = defineCommand({
  synopsis: 'ID… [flags]',
  description: [
    'Prints the state of the tasks, as list does: time of the last change, id, state, and progress or why ' +
      'it failed; with --json, the status of each. The exit code is 0 where all of them are known, whatever ' +
      'became of them, and 3 where one is not.',
  ],
  positionals: { least: 1, most: MOST_IDS },
  flags: { ...ASKING_FLAGS, json: JSON_FLAG },
  run: ({ flags, positionals }, context) =>
    withBackend(flags, context, async (backend) => {
      const snapshots = await backend.getMany(positionals);
      const known = snapshots.filter((snapshot) => snapshot !== undefined);
      const json = flags.json === true;
      const tasks = json ? withoutReasons(known) : await withReasons(backend, known);
      await printTasks(tasks, { json }, context);
      for (const [at, taskId] of positionals.entries()) {
        if (snapshots[at] !== undefined) continue;
        context.stderr.write(`resultd: ${unknown(taskId).message}\n`);
      }
      const isAll = known.length === positionals.length;
      return isAll ? EXIT_CODES.success.code : EXIT_CODES.notReady.code;
    }),
});
