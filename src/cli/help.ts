/** The help of the command and of each of its commands, made from their tables of flags. */
import { listSettings } from '../config.js';
import { VERSION } from '../version.js';
import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import { EXIT_CODES } from './exit-codes.js';

const COLUMN = 24;
const WIDTH = 90;

export function generalHelp(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => row(name, summary));
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => row(String(code), meaning));
  return `resultd ${VERSION}: the result backend of a task queue, over HTTP

${commands.join('')}
  resultd COMMAND --help        what a command does, and its flags
  resultd --version             print the version

Exit codes:

${codes.join('')}`;
}

export function helpOf(name: string, { synopsis, description, flags }: Command): string {
  const rows = Object.entries(flags).map(([flag, { placeholder, help }]) =>
    row(placeholder === undefined ? `--${flag}` : `--${flag} ${placeholder}`, help),
  );
  return `Usage: resultd ${name} ${synopsis}

${description.map((paragraph) => `${wrap(paragraph, WIDTH).join('\n')}\n`).join('\n')}
Flags:

${rows.join('')}${row('--help', 'Print this')}`;
}

export function serveHelp(): string {
  const rows = listSettings().map(({ flag, placeholder, byDefault, help }) =>
    row(`--${flag} ${placeholder}`, `${help} (default ${byDefault})`),
  );
  const description =
    'Starts the service. Every flag is a variable too, --body-limit is RESULTD_BODY_LIMIT; a flag wins.';
  return `Usage: resultd serve [flags]

${wrap(description, WIDTH).join('\n')}

Flags:

${rows.join('')}${row('--help', 'Print this')}`;
}

function row(name: string, text: string): string {
  const lines = wrap(text, WIDTH - COLUMN - 2);
  const first = name.length < COLUMN ? `  ${name.padEnd(COLUMN)}${lines.shift()}\n` : `  ${name}\n`;
  return first + lines.map((line) => `${' '.repeat(COLUMN + 2)}${line}\n`).join('');
}

/** Lines of at most so many columns; what has no space in it is never cut. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
