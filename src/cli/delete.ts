/** `resultd delete`: removes tasks, with all that is known of them. */

import { ASKING_FLAGS, JSON_FLAG } from '../config/flags.js';
import { checkTaskId, MOST_IDS } from '../record/names.js';
import { defineCommand } from './command.js';
import { withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { unknown } from './missing-task.js';

/** How many are removed at once. */
const AT_ONCE = 64;

export const remove = defineCommand({
  synopsis: 'ID… [flags]',
  description: [
    'Removes the tasks: outcome, log and progress. It prints nothing; with --json, a line for each that says ' +
      'whether it was there. The exit code is 3 where one was not: it was never reported, or is gone already.',
  ],
  positionals: { least: 1, most: MOST_IDS },
  flags: { ...ASKING_FLAGS, json: JSON_FLAG },
  run: ({ flags, positionals }, context) => {
    for (const taskId of positionals) checkTaskId(taskId);
    return withBackend(flags, context, async (backend) => {
      let code: number = EXIT_CODES.success.code;
      for (let at = 0; at < positionals.length; at += AT_ONCE) {
        const ids = positionals.slice(at, at + AT_ONCE);
        const answers = await Promise.all(ids.map((taskId) => backend.delete(taskId)));
        for (const [index, deleted] of answers.entries()) {
          const taskId = ids[index]!;
          if (flags.json === true) {
            context.stdout.write(`{"task_id":"${taskId}","deleted":${deleted}}\n`);
          }
          if (deleted) continue;
          code = EXIT_CODES.notReady.code;
          context.stderr.write(`resultd: ${unknown(taskId).message.split('. To wait')[0]}\n`);
        }
      }
      return code;
    });
  },
});
