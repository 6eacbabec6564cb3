/**
 * A newcomer's first quarter of an hour: the README's commands, run as they stand there, print what
 * the README shows. Only the port is another one, and versions and times are not compared.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { fences, ROOT, readDocument, section } from './support/markdown.js';
import { PostgresServer } from './support/postgres-server.js';
import { freePort } from './support/redis-server.js';
import { until } from './support/until.js';

const README = readDocument('README.md');
const SHOWN_ADDRESS = '127.0.0.1:8080';

interface Step {
  readonly commands: string;
  /** What the README shows below them; undefined where it shows nothing. */
  readonly shown: string | undefined;
}

/** The shell blocks of a section, each with the output block that follows it. */
function stepsOf(heading: string): Step[] {
  const blocks = fences(section(README, heading));
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh') return [];
    const next = blocks[index + 1];
    return [{ commands: text, shown: next?.language === 'text' ? next.text : undefined }];
  });
}

/** Runs a script of bash at the top of the repository; it ends with the test at the latest. */
function bash(t: Test, script: string, env: Record<string, string> = {}): ChildProcess {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('RESULTD_'));
  const child = spawn('bash', ['-c', script], {
    cwd: ROOT,
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'close');
  });
  return child;
}

/** Starts what `npm start` starts, once it has built: on this port, with this store. */
async function npmStart(t: Test, port: number, backend: string): Promise<void> {
  const { scripts } = JSON.parse(readDocument('package.json')) as {
    scripts: Record<string, string>;
  };
  const service = bash(t, `exec ${scripts.start}`, {
    RESULTD_PORT: String(port),
    RESULTD_BACKEND: backend,
  });
  let output = '';
  for (const stream of [service.stdout!, service.stderr!]) {
    stream.on('data', (text: Buffer) => {
      output += text;
    });
  }
  await until('it is ready', async () => {
    if (service.exitCode !== null) throw new Error(output);
    return isReady(port);
  });
}

async function isReady(port: number): Promise<boolean> {
  return request(`http://127.0.0.1:${port}/readyz`).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode === 200;
    },
    () => false,
  );
}

/** Runs the steps one after another in one shell, and gives the output of each. */
async function runSteps(
  t: Test,
  steps: readonly Step[],
  { port, directory }: { port: number; directory: string },
): Promise<string[]> {
  const mark = (index: number) => `--- end of step ${index} ---`;
  const script = steps.map(({ commands }, index) => `${commands}echo '${mark(index)}'\n`).join('');
  const moved = script.replaceAll(SHOWN_ADDRESS, `127.0.0.1:${port}`);
  const shell = bash(t, `exec 2>&1\n${moved}`, { TMPDIR: directory });
  let output = '';
  shell.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(shell, 'close');
  return steps.map((_, index) => {
    const end = output.indexOf(mark(index));
    const start = index === 0 ? 0 : output.indexOf(mark(index - 1)) + mark(index - 1).length;
    return end === -1 ? `(the shell ended early)\n${output}` : output.slice(start, end);
  });
}

/** Output without what is different each time. */
function normalised(text: string): string {
  return text
    .replace(/\d{13}-[0-9a-f]{16}/g, '<version>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .trim();
}

t.test('the two commands are in the README, and package.json has what they run', async (t) => {
  const commands = fences(section(README, '## Two commands')).map(({ text }) => text.trim());
  t.same(commands, ['npm ci && npm start', 'npm ci && npm test']);
  const { scripts } = JSON.parse(readDocument('package.json')) as {
    scripts: Record<string, string>;
  };
  t.equal(scripts.prestart, 'npm run build');
  t.match(scripts.pretest, 'npm run build');
});

/** What the README shows is printed on any store; `open` starts one, with its data in a directory. */
async function printsWhatIsShown(t: Test, open: (directory: string) => Promise<string>) {
  const steps = ['## Walk-through', '## The real run', '## From a shell'].flatMap(stepsOf);
  t.ok(steps.length >= 10, `${steps.length} steps`);
  const directory = await mkdtemp(join(tmpdir(), 'resultd-readme-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const port = await freePort();
  await npmStart(t, port, await open(directory));
  const outputs = await runSteps(t, steps, { port, directory });
  for (const [index, { commands, shown = '' }] of steps.entries()) {
    t.equal(normalised(outputs[index]!), normalised(shown), commands);
  }
}

t.test('the walk-through and the real run print what the README shows', (t) =>
  printsWhatIsShown(t, async (directory) => `lmdb:${directory}/data`),
);

t.test('they do so on PostgreSQL', (t) =>
  printsWhatIsShown(t, async () => {
    const server = await PostgresServer.start();
    t.teardown(() => server.stop());
    return server.url;
  }),
);
