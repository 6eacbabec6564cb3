/** `resultd stats`: how many tasks there are, by state. */

import { ASKING_FLAGS, JSON_FLAG } from '../config/flags.js';
import { COUNTED_STATES } from '../record/listing.js';
import { defineCommand } from './command.js';
import { withBackend } from './connection.js';
import { EXIT_CODES } from './exit-codes.js';
import { Style } from './style.js';

export const stats = defineCommand({
  synopsis: '[flags]',
  description: [
    'Prints how many tasks there are, and how many in each state: a line each, with a tab between name and ' +
      'count; with --json, one document.',
  ],
  positionals: { least: 0, most: 0 },
  flags: { ...ASKING_FLAGS, json: JSON_FLAG },
  run: ({ flags }, context) =>
    withBackend(flags, context, async (backend) => {
      const { stdout, settings } = context;
      const { total, states } = await backend.count();
      if (flags.json === true) {
        stdout.write(`${JSON.stringify({ total, states })}\n`);
        return EXIT_CODES.success.code;
      }
      const style = new Style(stdout, settings.wantsColour);
      const gap = stdout.isTTY === true ? '  ' : '\t';
      for (const state of [...COUNTED_STATES, 'other' as const]) {
        stdout.write(`${padded(state, gap, (name) => style.state(name, state))}${states[state]}\n`);
      }
      stdout.write(`${padded('total', gap, style.bold)}${total}\n`);
      return EXIT_CODES.success.code;
    }),
});

/** The name as a column: on a terminal as wide as the longest. */
function padded(name: string, gap: string, paint: (text: string) => string): string {
  return gap === '\t' ? name + gap : paint(name.padEnd(7)) + gap;
}
