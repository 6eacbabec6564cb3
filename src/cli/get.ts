/** `resultd get`: what a task returned, now. */

import { ASKING_FLAGS, JSON_FLAG, switchFlag } from '../config/flags.js';
import { defineCommand } from './command.js';
import { withBackend } from './connection.js';
import { notReady, unknown } from './missing-task.js';
import { printOutcome } from './outcome-text.js';

export const LOGS_FLAG = switchFlag('Read the log too; it goes to the error output');

export const get = defineCommand({
  synopsis: 'ID [flags]',
  description: [
    'Prints what the task returned: a string as its text, other JSON as it was sent, any other ' +
      'outcome as its bytes. Where the task failed, its exception goes to the error output.',
  ],
  positionals: { least: 1, most: 1 },
  flags: {
    ...ASKING_FLAGS,
    'with-logs': LOGS_FLAG,
    json: JSON_FLAG,
  },
  run: ({ positionals, flags }, context) =>
    withBackend(flags, context, async (backend) => {
      const [taskId = ''] = positionals;
      const snapshot = await backend.getResult(taskId, { withLogs: flags['with-logs'] });
      if (snapshot === undefined) throw unknown(taskId);
      if (!snapshot.ready) throw notReady(snapshot);
      return printOutcome(snapshot, { json: flags.json === true }, context);
    }),
});
