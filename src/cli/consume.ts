/** `resultd consume`: what a task returned, for exactly one caller. */

import { randomUUID } from 'node:crypto';
import { CONNECTION_FLAGS, JSON_FLAG, textFlag } from '../config/flags.js';
import { ResultdError } from '../errors.js';
import { checkTaskId } from '../record/names.js';
import { defineCommand } from './command.js';
import { LOGS_FLAG } from './get.js';
import { notReady, unknown } from './missing-task.js';
import { printOutcome } from './outcome-text.js';
import { persistently, RETRY_FLAG } from './storing.js';

export const consume = defineCommand({
  synopsis: 'ID [flags]',
  description: [
    'Prints what the task returned, as get does, and removes the task. Of several callers exactly one is given ' +
      'the outcome. It is taken before it is printed: with an --idempotency-key, the same command gives it ' +
      'again within 60 s, say where the output could not be written.',
  ],
  positionals: { least: 1, most: 1 },
  flags: {
    'idempotency-key': textFlag('KEY', 'Names this call; a repeat is given the same outcome again'),
    'retry-for': RETRY_FLAG,
    ...CONNECTION_FLAGS,
    'with-logs': LOGS_FLAG,
    json: JSON_FLAG,
  },
  run: async ({ positionals: [taskId = ''], flags }, context) => {
    checkTaskId(taskId);
    // An attempt whose answer was lost may have taken it: the next one is the same call.
    const idempotencyKey = flags['idempotency-key'] ?? randomUUID();
    const withLogs = flags['with-logs'];
    return persistently({ flags, context, what: 'not taken yet' }, async (backend) => {
      try {
        const snapshot = await backend.consume(taskId, { idempotencyKey, withLogs });
        if (snapshot === undefined) throw unknown(taskId);
        return printOutcome(snapshot, { json: flags.json === true }, context);
      } catch (error) {
        if (!(error instanceof ResultdError) || error.code !== 'not-ready') throw error;
        throw notReady({ taskId, state: error.taskState ?? 'known' });
      }
    });
  },
});
