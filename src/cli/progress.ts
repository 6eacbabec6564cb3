/** `resultd progress`: how far a task is, as a worker reports it. */

import { isUtf8 } from 'node:buffer';
import { switchFlag, TTL_FLAG, textFlag } from '../config/flags.js';
import { UsageError } from './arguments.js';
import type { ParsedArguments } from './command.js';
import { type Context, defineCommand } from './command.js';
import { readInput } from './input.js';
import { requireJson } from './outcome-document.js';
import { WRITING_FLAGS, write } from './storing.js';

const FLAGS = {
  state: textFlag('STATE', 'The state, such as RETRY (default STARTED)'),
  text: switchFlag('Take the argument, or the standard input, as text and not as JSON'),
  register: switchFlag(
    'Say PENDING of a task that is unknown; change nothing of one that is known',
  ),
  ttl: TTL_FLAG,
  ...WRITING_FLAGS,
};

export const progress = defineCommand({
  synopsis: 'ID [JSON|-] [flags]',
  description: [
    'Stores how far the task is: a state, and this JSON, which is kept as it is spelt. With - it is read ' +
      'from the standard input. {"done":3,"of":10}, {"percent":30} and a "message" beside them are shown as ' +
      'bars. Progress never makes a task ready, whatever its state says.',
  ],
  positionals: { least: 1, most: 2 },
  flags: FLAGS,
  run: async (args, context) => {
    const { flags, positionals } = args;
    if (flags.register === true && flags.state !== undefined) {
      throw new UsageError('--register and --state exclude each other: it registers as PENDING');
    }
    const meta = await metaOf(args, context);
    const state = flags.register === true ? 'PENDING' : (flags.state ?? 'STARTED');
    const start = Buffer.from(`{"state":${JSON.stringify(state)},"meta":`);
    const document = Buffer.concat([start, meta, Buffer.from('}')]);
    const mode = flags.register === true ? 'register' : 'replace';
    const [taskId = ''] = positionals;
    return write(taskId, { flags, context }, (backend) =>
      backend.setProgress(taskId, document, { mode, ttlMs: flags.ttl }),
    );
  },
});

async function metaOf(
  { positionals: [, value], flags }: ParsedArguments<typeof FLAGS>,
  context: Context,
): Promise<Buffer> {
  if (value === undefined) return Buffer.from('null');
  const given = value === '-' ? await readInput(context.stdin) : Buffer.from(value);
  if (flags.text !== true) {
    return requireJson(given, 'the progress', 'quote it for the shell, or add --text');
  }
  if (!isUtf8(given)) throw new UsageError('the text is not UTF-8');
  return Buffer.from(JSON.stringify(given.toString()));
}
