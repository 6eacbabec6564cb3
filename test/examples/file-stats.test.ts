/**
 * The real run: the service, the client and each worker as processes of their own, on real files.
 * Every outcome is compared with what the test works out by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { ServiceProcess } from '../support/service-process.js';
import { awkwardFolder, type Expected, expectedOf, sourceFolder } from './file-folder.js';

const compiled = (name: string) =>
  fileURLToPath(new URL(`../../examples/file-stats/${name}`, import.meta.url));
const PYTHON = fileURLToPath(new URL('../../../examples/file-stats/worker.py', import.meta.url));

const WORKERS = {
  typescript: [process.execPath, compiled('worker.js')],
  python: ['python3', PYTHON],
} as const;
type Language = keyof typeof WORKERS;
const CLIENT = [process.execPath, compiled('client.js')] as const;

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** Runs one of the programs to its end. */
async function run(
  t: Test,
  [file, script]: readonly [string, string],
  args: string[],
): Promise<Run> {
  const child = spawn(file, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** The ids as the documentation of the examples says: `/` is `:`, other bytes are `=XX`. */
function taskPartOf(path: Buffer): string {
  return [...path]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (character === '/') return ':';
      if (/[\w.@+-]/.test(character)) return character;
      return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** Every file, as `find` sees it, in the order of bytes. */
async function expectedIn(folder: string): Promise<Expected[]> {
  const found = spawn('find', [folder, '(', '-type', 'f', '-o', '-type', 'l', ')', '-print0']);
  const pieces: Buffer[] = [];
  found.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  await once(found, 'close');
  const paths = Buffer.concat(pieces).toString('latin1').split('\u0000').slice(0, -1);
  const expected: Expected[] = [];
  for (const path of paths.sort((a, b) => (a < b ? -1 : 1))) {
    const bytes = Buffer.from(path, 'latin1');
    const relative = bytes.subarray(folder.length + 1);
    const content = await readFile(bytes).catch((error: NodeJS.ErrnoException) => error);
    if (content instanceof Error && content.code === 'EISDIR') continue;
    expected.push(
      expectedOf(
        relative.toString(),
        taskPartOf(relative),
        content instanceof Error ? undefined : content,
      ),
    );
  }
  return expected;
}

/** Compares what the client printed, line by line. */
function checkTable(t: Test, { output }: Run, expected: readonly Expected[]): void {
  const [heading, ...lines] = output.trimEnd().split('\n');
  t.match(heading, /^file +state +lines +words +bytes +sha256$/);
  const summary = lines.pop();
  t.equal(lines.pop(), '', 'an empty line before the summary');
  t.equal(lines.length, expected.length, 'one line for each file');
  for (const [index, { path, columns }] of expected.entries()) {
    const shown = path.replaceAll('\n', '\\x0a');
    const line = lines[index] ?? '';
    t.ok(line.startsWith(`${shown} `), shown);
    t.equal(line.slice(shown.length).trim().replace(/ +/g, ' '), columns, `${shown}: columns`);
  }
  const failed = expected.filter(({ returnValue }) => returnValue === undefined).length;
  t.match(
    summary,
    `${expected.length} files: ${expected.length - failed} succeeded, ${failed} failed, 0 not ready;`,
  );
}

/** Compares every outcome with the service's own answer, byte for byte but for the time it took. */
async function checkOutcomes(
  t: Test,
  origin: string,
  expected: readonly Expected[],
  { job, worker }: { job: string; worker: Language },
): Promise<void> {
  const labels = JSON.stringify({ job, worker });
  for (const { path, taskPart, returnValue } of expected) {
    if (`${job}:${taskPart}`.length > 255) continue;
    const { body, statusCode } = await request(`${origin}/v1/tasks/${job}:${taskPart}/result`);
    const time = '(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:e-\\d+)?';
    const outcome = (await body.text()).replace(
      new RegExp(`"execution_time":${time},`),
      '"execution_time":T,',
    );
    t.equal(statusCode, 200, path);
    t.equal(
      outcome,
      returnValue === undefined
        ? '{"is_err":true,"log":null,"return_value":null,"execution_time":T,' +
            `"labels":${labels},"error":{"exc_type":"FileUnreadable",` +
            `"exc_message":["ENOENT",${JSON.stringify(path)}],"exc_module":null}}`
        : `{"is_err":false,"log":null,"return_value":${returnValue},"execution_time":T,` +
            `"labels":${labels},"error":null}`,
    );
  }
}

async function statusOf(origin: string, taskId: string, wait = '0'): Promise<unknown> {
  const { body } = await request(`${origin}/v1/tasks/${taskId}/status?wait=${wait}`);
  return body.json();
}

async function freshDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd-run-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

for (const worker of Object.keys(WORKERS) as Language[]) {
  t.test(`the ${worker} worker serves the client, whatever the folder holds`, async (t) => {
    const folder = await awkwardFolder(t);
    const expected = await expectedIn(folder);
    t.ok(expected.length > 50, `${expected.length} files`);
    const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
    const args = [folder, '--url', origin, '--job', 'run-1'];
    const waiting = run(t, CLIENT, args);
    const done = await run(t, WORKERS[worker], args);
    t.same(done, {
      code: 0,
      output: `${expected.length} files: ${expected.length} reported, 0 reported before\n`,
    });
    const table = await waiting;
    t.equal(table.code, 1, 'one task failed');
    checkTable(t, table, expected);
    await checkOutcomes(t, origin, expected, { job: 'run-1', worker });
    t.match(
      await statusOf(origin, 'run-1:zz-large.txt'),
      { state: 'SUCCESS', progress: { state: 'STARTED', meta: { done: 2 ** 24, of: 20_000_008 } } },
      'progress of a large file',
    );
    t.same((await readdir(folder)).includes('link-to-folder'), true);
  });

  t.test(`with the ${worker} worker, all ends well though the service is killed`, async (t) => {
    const folder = await sourceFolder(t);
    const expected = await expectedIn(folder);
    const data = await freshDirectory(t);
    const flags = ['--backend', `lmdb:${data}`];
    const first = await ServiceProcess.start(t, { flags });
    const args = [folder, '--url', first.origin, '--job', 'run-2'];
    let hasEnded = false;
    const working = run(t, WORKERS[worker], [...args, '--concurrency', '1']);
    const waiting = run(t, CLIENT, args).finally(() => {
      hasEnded = true;
    });
    const fifth = `${first.origin}/v1/tasks/run-2:${expected[4]!.taskPart}/result?wait=30s`;
    t.equal(
      await request(fifth).then(({ statusCode, body }) => body.text().then(() => statusCode)),
      200,
    );
    first.signal('SIGKILL');
    await first.exited;
    t.equal(hasEnded, false, 'it was killed in the middle');
    const port = new URL(first.origin).port;
    const second = await ServiceProcess.start(t, { flags: [...flags, '--port', port] });
    t.equal(second.origin, first.origin);
    t.equal((await working).code, 0);
    const table = await waiting;
    t.equal(table.code, 0, table.output);
    checkTable(t, table, expected);
    await checkOutcomes(t, second.origin, expected, { job: 'run-2', worker });
  });
}

t.test('both workers at once: the first outcome of each task wins', async (t) => {
  const folder = await sourceFolder(t);
  const expected = await expectedIn(folder);
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const args = [folder, '--url', origin];
  const runs = await Promise.all([
    run(t, WORKERS.typescript, args),
    run(t, WORKERS.python, args),
    run(t, CLIENT, args),
  ]);
  const counts = runs.slice(0, 2).map(({ output }) => /: (\d+) reported, (\d+) /.exec(output)!);
  t.equal(Number(counts[0]![1]) + Number(counts[1]![1]), expected.length);
  t.equal(Number(counts[0]![2]) + Number(counts[1]![2]), expected.length);
  t.equal(runs[2].code, 0);
  checkTable(t, runs[2], expected);
});

t.test('without a worker the client gives up in time, and says what is not ready', async (t) => {
  const folder = await sourceFolder(t);
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const { code, output } = await run(t, CLIENT, [folder, '--url', origin, '--timeout', '5']);
  t.equal(code, 1);
  t.match(output, /^src\/app\.ts +PENDING$/m);
  t.match(output, / files: 0 succeeded, 0 failed, \d+ not ready;/);
});

t.test('a command line that is not valid is refused with its usage', async (t) => {
  for (const args of [[], ['a', 'b'], ['a', '--job', 'a/b'], ['a', '--concurrency', '0']]) {
    const { code, output } = await run(t, CLIENT, args);
    t.equal(code, 2, args.join(' '));
    t.match(output, 'usage: <folder>');
  }
});

t.test('without a folder or a service each program says so in a line, with code 1', async (t) => {
  for (const program of [CLIENT, WORKERS.typescript, WORKERS.python]) {
    const { code, output } = await run(t, program, ['/no/such/folder']);
    t.equal(code, 1);
    t.match(output, /^.*ENOENT.*\n$|^.*No such file or directory.*\n$/);
  }
});
