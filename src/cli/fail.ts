/** `resultd fail`: that a task failed. */
import { isUtf8 } from 'node:buffer';
import { textFlag } from '../config/flags.js';
import { UsageError } from './arguments.js';
import { defineCommand } from './command.js';
import { readInput } from './input.js';
import { failureOf, parseLabels } from './outcome-document.js';
import { REPORT_FLAGS, report } from './storing.js';

export const fail = defineCommand({
  synopsis: 'ID [MESSAGE|-] [flags]',
  description: [
    'Stores that the task failed, with an exception of this message. With - the message is read from ' +
      'the standard input. Where the task has another outcome already, nothing is changed.',
  ],
  positionals: { least: 1, most: 2 },
  flags: {
    type: textFlag('NAME', 'The type of the exception (default Error)'),
    ...REPORT_FLAGS,
  },
  run: async ({ positionals: [taskId = '', message], flags }, context) => {
    const labels = parseLabels(flags.labels);
    const bytes = message === '-' ? await readInput(context.stdin) : Buffer.from(message ?? '');
    if (!isUtf8(bytes)) throw new UsageError('the message is not UTF-8: give text');
    const exception = {
      exc_type: flags.type ?? 'Error',
      exc_message: message === undefined ? [] : [bytes.toString()],
    };
    const outcome = failureOf(exception, { labels, executionTime: flags['execution-time'] });
    return report(taskId, outcome, { flags, context });
  },
});
