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

t.test('every help fits 90 columns', async (t) => {
  for (const args of [[], ...Object.keys(COMMANDS).map((name) => [name])]) {
    const { text, code } = await runCommand(t, [...args, '--help']);
    t.equal(code, 0);
    for (const line of text.split('\n')) t.ok([...line].length <= 90, `${args}: ${line}`);
  }
});

t.test('a mistake in the URL stands in one list with all others', async (t) => {
  const env = { RESULTD_URL: 'redis://user:s3cret@host:99999' };
  const given = await runCommand(t, ['get', '--nope', 'a'], { env });
  t.equal(given.code, 2);
  t.match(given.errors, /--nope is not a flag[\s\S]*RESULTD_URL: the Redis URL is not valid/);
  const alone = await runCommand(t, ['list', '--url', 'gopher://host']);
  t.equal(alone.code, 2);
  t.match(alone.errors, /--url: the backend "gopher:\/\/host" has no scheme/);
  const serve = ['serve', '--backend', 'redis://user:s3cret@host:99999', '--trust-proxy', 'me'];
  const service = await runCommand(t, serve, { env: { RESULTD_PORT: 'x', RESULTD_NOPE: '1' } });
  t.equal(service.code, 2);
  for (const named of [
    /RESULTD_PORT is "x"/,
    /RESULTD_NOPE is not a setting/,
    /--trust-proxy is "me"/,
    /--backend \(RESULTD_BACKEND\): the Redis URL is not valid/,
  ]) {
    t.match(service.errors, named);
  }
  t.notMatch(given.errors + service.errors, 's3cret');
});

t.test('a bad setting of the service is code 2, and never a stack trace', async (t) => {
  const module = `${t.testdir({ 'broken.js': 'export default' })}/broken.js`;
  for (const flags of [
    ['--backend', 'redis://host:99999'],
    ['--backend', 'redis://host?nope=1'],
    ['--backend', 'rediss://host?tls_ca=no-such-file'],
    ['--backend', 'http://host:99999'],
    ['--backend', 'lmdb:'],
    ['--backend', 'nats://host:99999'],
    ['--backend', 'postgres://host:99999/db'],
    ['--backend', 'module:./no-such-file.js'],
    ['--backend', `module:${module}`],
    ['--backend', 'memory:', '--processes', '2'],
    ['--backend', 'memory:', '--host', '300.1.1.1'],
    ['--trust-proxy', '10.0.0.0/33'],
  ]) {
    const { code, errors, text } = await runCommand(t, [
      'serve',
      '--log-level',
      'silent',
      ...flags,
    ]);
    t.same([code, text], [2, ''], flags.join(' '));
    t.match(errors, /^resultd: the configuration is not valid:\n {2}- /, flags.join(' '));
    t.notMatch(errors, /\n +at /, `${flags.join(' ')}: no stack`);
  }
});

t.test('a password in a URL that stands in the wrong place is never printed back', async (t) => {
  const url = 'redis://user:s3c/r@t@host/1';
  for (const args of [
    [url],
    ['get', 'a', url],
    ['get', url, '--url', 'memory:'],
    ['get', 'a', '--ur', url],
    ['get', 'a', `--ur=${url}`],
    ['get', 'a', `--${url}`],
    ['get', 'a', '--json', url],
    ['get', 'a', '--namespace', url],
    ['list', '--limit', url],
    ['list', '--cursor', url, '--url', 'memory:'],
    ['wait', 'a', url],
    ['set', 'a', url],
    ['set', 'a', '1', '--labels', url],
    ['set', 'a', '1', '--content-type', url],
    ['set', 'a', '1', '--ttl', url],
    ['exec', 'a', '--url', 'memory:', '--', url],
    ['exec', url, '--', 'true'],
    ['serve', url],
    ['serve', '--prot', url],
    ['serve', '--host', url, '--backend', 'memory:'],
    ['serve', '--trust-proxy', url],
    ['serve', `--${url}`],
  ]) {
    const { code, errors, text } = await runCommand(t, args);
    t.notMatch(text + errors, /s3c|r@t/, args.join(' '));
    t.ok(code === 2 || code === 127, `${args.join(' ')}: ${code}`);
  }
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
