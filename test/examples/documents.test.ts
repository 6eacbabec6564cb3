/** What the documents about clients tell people to type prints what they show. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { fences, ROOT, readDocument } from '../support/markdown.js';
import { ServiceProcess } from '../support/service-process.js';
import { GO_ENVIRONMENT } from './go.js';
import { ENVIRONMENT, requirePrograms } from './language.js';

requirePrograms(['bash', 'curl', 'jq', 'python3', 'go']);

/** Runs commands at the top of the repository, in one shell. */
async function runShell(t: Test, commands: string): Promise<string> {
  const shell = spawn('bash', ['-c', `exec 2>&1\n${commands}`], {
    cwd: ROOT,
    env: { ...process.env, ...ENVIRONMENT, ...GO_ENVIRONMENT, TMPDIR: t.testdir({}) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => shell.kill('SIGKILL'));
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(shell, 'close');
  return output;
}

const withoutTimes = (text: string) =>
  text.replace(/"execution_time":[\d.e-]+/g, '"execution_time":T');

for (const path of ['docs/clients.md', 'examples/README.md']) {
  t.test(`the commands of ${path} print what it shows`, async (t) => {
    const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
    const blocks = fences(readDocument(path));
    const typed = blocks.filter(({ language }) => language === 'sh');
    const shown = blocks.filter(({ language }) => language === 'text');
    t.ok(typed.length > 1, `${typed.length} blocks of commands`);
    const commands = typed.map(({ text }) => text).join('');
    const output = await runShell(t, commands.replaceAll('http://127.0.0.1:8080', origin));
    t.equal(withoutTimes(output), withoutTimes(shown.map(({ text }) => text).join('')));
  });
}
