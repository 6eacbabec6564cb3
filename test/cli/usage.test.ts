/** The commands, their help, and docs/command-line.md say the same; mistakes are told by name. */
import t from 'tap';
import { COMMANDS } from '../../src/cli/commands.js';
import { EXIT_CODES } from '../../src/cli/exit-codes.js';
import { runCommand } from '../support/command.js';
import { fences, readDocument, section, tableRows } from '../support/markdown.js';

const DOCUMENT = readDocument('docs/command-line.md');

t.test('the document lists every flag of every command as the help has it', async (t) => {
  for (const [name, { load }] of Object.entries(COMMANDS)) {
    const help = await runCommand(t, [name, '--help']);
    t.same([help.code, help.errors], [0, ''], name);
    const part = section(DOCUMENT, `## resultd ${name}`);
    if (load === undefined) continue;
    const { flags, synopsis } = await load();
    t.equal(fences(part)[0]?.text, `resultd ${name} ${synopsis}\n`, name);
    t.match(help.text, `Usage: resultd ${name} ${synopsis}\n`);
    const rows = Object.entries(flags).map(([flag, { placeholder, help: meaning }]) => [
      placeholder === undefined ? `\`--${flag}\`` : `\`--${flag} ${placeholder}\``,
      meaning,
    ]);
    t.same(tableRows(part), rows, name);
    const words = help.text.replace(/\s+/g, ' ');
    for (const [flag, meaning] of rows) {
      t.match(words, `${flag!.replaceAll('`', '')} ${meaning}`, `${name} ${flag}`);
    }
  }
});

t.test('the document and the help list every command and exit code', async (t) => {
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  t.same(tableRows(section(DOCUMENT, '## Exit codes')), codes);
  t.same(
    [...DOCUMENT.matchAll(/^## resultd (\w+)$/gm)].map(([, name]) => name),
    Object.keys(COMMANDS),
  );
  const { text, code } = await runCommand(t, ['--help']);
  t.equal(code, 0);
  const words = text.replace(/\s+/g, ' ');
  for (const [number, meaning] of codes) t.match(words, ` ${number} ${meaning} `);
  for (const [name, { summary }] of Object.entries(COMMANDS)) t.match(words, `${name} ${summary}`);
});

t.test('all mistakes of a command line are told at once, by name, with code 2', async (t) => {
  const args = ['wait', '--timeout', 'soon', '--nope', 'a', '--json=1', '-x', '--url'];
  const { code, errors, text } = await runCommand(t, args);
  t.same([code, text], [2, '']);
  for (const named of ['--timeout is "soon"', '--nope', '--json takes no value', '-x', '--url']) {
    t.match(errors, named);
  }
  t.match(errors, 'resultd wait --help');
  t.notMatch(errors, /\n +at /, 'no stack');
});

t.test('too few and too many arguments, and no or an unknown command, are code 2', async (t) => {
  for (const args of [
    ['get'],
    ['get', 'a', 'b'],
    ['set', 'a'],
    ['wait'],
    [],
    ['frob'],
    ['__proto__'],
  ]) {
    t.equal((await runCommand(t, args)).code, 2, args.join(' '));
  }
  const { errors } = await runCommand(t, ['get', 'a', '--url', 'redis://u:s3cret@']);
  t.notMatch(errors, 's3cret');
});

t.test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readDocument('package.json')) as { version: string };
  t.equal((await runCommand(t, ['--version'])).text, `${version}\n`);
});
