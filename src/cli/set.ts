/** `resultd set`: what a task returned. */

import { isUtf8 } from 'node:buffer';
import { switchFlag, textFlag } from '../config/flags.js';
import { shown } from '../errors.js';
import { type Outcome, opaqueOutcome } from '../record/outcome.js';
import { UsageError } from './arguments.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { readInput } from './input.js';
import { parseLabels, requireJson, successOf } from './outcome-document.js';
import { REPORT_FLAGS, report } from './storing.js';

const FLAGS = {
  text: switchFlag('Take the argument, or the standard input, as text and not as JSON'),
  'content-type': textFlag('TYPE', 'Take it as bytes of this media type, such as image/png'),
  ...REPORT_FLAGS,
};

export const set = defineCommand({
  synopsis: 'ID JSON|- [flags]',
  description: [
    'Stores that the task finished well and returned this JSON, which is kept as it is spelt. With - it ' +
      'is read from the standard input. Where the task has another outcome already, nothing is changed.',
  ],
  positionals: { least: 2, most: 2 },
  flags: FLAGS,
  run: async (args, context) => {
    const [taskId = ''] = args.positionals;
    const outcome = await outcomeOf(args, context);
    return report(taskId, outcome, { flags: args.flags, context });
  },
});

async function outcomeOf(
  { positionals: [, value = ''], flags }: ParsedArguments<typeof FLAGS>,
  context: Context,
): Promise<Outcome> {
  const labels = parseLabels(flags.labels);
  const executionTime = flags['execution-time'];
  const contentType = flags['content-type'];
  checkKind(flags);
  const given = value === '-' ? await readInput(context.stdin) : Buffer.from(value);
  if (contentType !== undefined) {
    return opaqueOutcome(given, contentType, executionTime === undefined ? {} : { executionTime });
  }
  if (flags.text !== true) {
    const json = requireJson(given, 'the result', 'quote it for the shell, or add --text');
    return successOf(json, { labels, executionTime });
  }
  if (!isUtf8(given)) {
    throw new UsageError('the text is not UTF-8: give its media type with --content-type');
  }
  const text = Buffer.from(JSON.stringify(given.toString()));
  return successOf(text, { labels, executionTime });
}

function checkKind(flags: ParsedArguments<typeof FLAGS>['flags']): void {
  const type = flags['content-type'];
  if (type === undefined) return;
  if (flags.text === true) throw new UsageError('--text and --content-type exclude each other');
  if (flags.labels !== undefined) {
    throw new UsageError('--labels does not go with --content-type: only JSON has labels');
  }
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(;[ -~]*)?$/.test(type) || /^application\/json\b/.test(type)) {
    throw new UsageError(
      `--content-type ${shown(type)} is not a media type of bytes: image/png is one; leave it out for JSON`,
    );
  }
}
