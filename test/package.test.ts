/**
 * The package as its users get it: packed, and installed in an empty project. Its documents compile
 * and run there, the command starts, and the client needs neither Fastify nor a store's client.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { VERSION } from '../src/version.js';
import { fences, ROOT, readDocument } from './support/markdown.js';
import { type Run, runToEnd } from './support/run-to-end.js';
import { ServiceProcess } from './support/service-process.js';

const DOCUMENT = 'docs/tasks-and-workers.md';
const PROJECT = await mkdtemp(join(tmpdir(), 'resultd-package-'));
t.teardown(() => rm(PROJECT, { recursive: true }));
const PACKAGE = join(PROJECT, 'node_modules/resultd');

/** Starts a program in the empty project, as its user would: tap would load itself into it. */
function start(program: string, args: readonly string[], options: { detached?: boolean } = {}) {
  return spawn('env', ['-u', 'NODE_OPTIONS', program, ...args], {
    cwd: PROJECT,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

async function run(program: string, ...args: string[]): Promise<Run> {
  const child = start(program, args);
  return runToEnd(child);
}

/** This process's own, without what npm tells its scripts, and without settings of the service. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(config|package|lifecycle)_|RESULTD_)/.test(name),
  );
  return Object.fromEntries(kept);
}

async function succeed(t: Test, program: string, ...args: string[]): Promise<string> {
  const { code, output, errors } = await run(program, ...args);
  t.equal(code, 0, `${program} ${args.join(' ')}`);
  if (code !== 0) t.comment(output, errors);
  return output;
}

const write = (name: string, text: string): Promise<void> => writeFile(join(PROJECT, name), text);

/** The TypeScript of the document, each block a module of its own. */
const examples = fences(readDocument(DOCUMENT)).filter(({ language }) => language === 'ts');

t.test('it is packed with what it needs, and installs without scripts', async (t) => {
  await write('package.json', '{"name": "empty", "version": "1.0.0", "type": "module"}');
  const pack = ['pack', ROOT, '--ignore-scripts', '--pack-destination', PROJECT];
  await succeed(t, 'npm', ...pack);
  const tarball = `resultd-${VERSION}.tgz`;
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await succeed(t, 'npm', 'install', ...quiet, `./${tarball}`);
  const files = await readdir(PACKAGE, { recursive: true });
  t.notOk(
    files.some((name) => /^(test|dist\/test|src|node_modules)\b/.test(name)),
    'no tests',
  );
  for (const name of ['CHANGELOG.md', 'LICENSE', 'openapi.yaml']) t.ok(files.includes(name), name);
  for (const name of files.filter((file) => file.endsWith('.md'))) await checkLinks(t, name);
});

/** What a packed document links to is packed too. */
async function checkLinks(t: Test, name: string): Promise<void> {
  const text = await readFile(join(PACKAGE, name), 'utf8');
  for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)\s]*)?\)/g)) {
    if (/^[a-z]+:/.test(target!)) continue;
    const linked = join(PACKAGE, dirname(name), target!);
    const isThere = await access(linked).then(
      () => true,
      () => false,
    );
    t.ok(isThere, `${name}: ${target}`);
  }
}

t.test('what the document shows compiles against the types of the package', async (t) => {
  for (const [n, { text }] of examples.entries()) await write(`example-${n}.ts`, text);
  await write('types.ts', TYPES);
  const config = {
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      outDir: 'compiled',
    },
    include: ['*.ts'],
  };
  await write('tsconfig.json', JSON.stringify(config));
  await succeed(t, join(ROOT, 'node_modules/.bin/tsc'), '-p', '.');
});

/** Types that a user relies on. A `@ts-expect-error` that is none fails the compilation. */
const TYPES = `
import { Broker, gather, ResultBackend, type Supports, Task, type TaskResult, Worker } from 'resultd';
import * as client from 'resultd/client';

export async function check(broker: Broker): Promise<void> {
  const worker = new Worker(broker);
  const add = worker.register('add', async (a: number, b: number) => a + b);
  const task: Task<number> = await add.kiq(1, 2);
  const sum: number = await task.value({ timeoutMs: 1 });
  // @ts-expect-error: it takes numbers
  await add.kiq('one', 'two');
  const loose: Task = await broker.task('add').kiq(sum, 'anything');
  const { results } = await gather([task]);
  const first: TaskResult<number> | undefined = results[0];
  // @ts-expect-error: nobody has said what it returns
  const wrong: number = (await loose.getResult()).returnValue;
  const supports: Supports = broker.resultBackend.supports;
  const near: typeof ResultBackend = ResultBackend;
  const remote: client.Broker = await client.Broker.fromUrl('http://127.0.0.1:1');
  const far: client.Task<string> = new client.Task<string>(remote, 'id');
  void [first, wrong, supports, near, far];
}
`;

t.test('the first example prints what the document shows', async (t) => {
  const shown = fences(readDocument(DOCUMENT)).find(({ language }) => language === 'text');
  t.equal(await succeed(t, 'node', 'compiled/example-0.js'), shown?.text);
});

t.test('both entries have the same, and nothing else can be imported', async (t) => {
  await write(
    'entries.mjs',
    `import * as all from 'resultd';
     import * as client from 'resultd/client';
     const missing = Object.keys(client).filter((name) => !(name in all));
     const differing = Object.keys(client).filter((name) => client[name] !== all[name]);
     const inner = await import('resultd/dist/src/app.js').catch((error) => error.code);
     const { default: itself } = await import('resultd/package.json', { with: { type: 'json' } });
     console.log(JSON.stringify({ missing, differing, inner, version: itself.version }));`,
  );
  t.same(JSON.parse(await succeed(t, 'node', 'entries.mjs')), {
    missing: [],
    differing: ['Broker'],
    inner: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
    version: VERSION,
  });
});

t.test('npx resultd is the command of the service', async (t) => {
  t.equal(await succeed(t, 'npx', 'resultd', '--version'), `${VERSION}\n`);
  const args = ['resultd', 'serve', '--backend', 'lmdb:./data', '--port', '0'];
  // npx runs the command as a child: a group is ended as a whole.
  const child = start('npx', args, { detached: true });
  const closed = once(child, 'close');
  t.teardown(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  });
  let output = '';
  const origin = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const match = /Server listening at (http:\/\/[^"\s]+)/.exec(output);
        if (match !== null) resolve(match[1]!);
      });
    }
    closed.then(() => reject(new Error(output)), reject);
  });
  const { statusCode, body } = await request(`${origin}/readyz`);
  await body.dump();
  t.equal(statusCode, 200);
  const docs = await request(`${origin}/docs/`);
  t.match(await docs.body.text(), 'swagger');
  process.kill(-child.pid!, 'SIGTERM');
  await closed;
  t.match(output, 'shut down');
});

t.test('the client works without Fastify and without any store', async (t) => {
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', 'memory:'] });
  const modules = await readdir(join(PROJECT, 'node_modules'));
  // All that is not needed to speak HTTP, so that what is needed is seen.
  for (const name of modules.filter(
    (one) => !['resultd', 'undici', '.package-lock.json'].includes(one),
  )) {
    await rm(join(PROJECT, 'node_modules', name), { recursive: true });
  }
  await write(
    'remote.mjs',
    `import { Broker, gather, TaskFailedError, Worker } from 'resultd/client';
     const broker = await Broker.fromUrl('${origin}');
     const worker = new Worker(broker);
     const add = worker.register('add', (a, b) => a + b);
     const fail = worker.register('fail', () => { throw new RangeError('no'); });
     await worker.start();
     const tasks = [await add.kiq(1, 2), await add.kiq(3, 4)];
     const { results } = await gather(tasks);
     const error = await (await fail.kiq()).value().catch((error) => error);
     await worker.stop();
     await broker.shutdown();
     const values = results.map((result) => result.returnValue);
     const refused = await Broker.fromUrl('redis://127.0.0.1').catch((error) => error.code);
     const failure = [error instanceof TaskFailedError, error.type];
     console.log(JSON.stringify({ values, failure, refused }));`,
  );
  t.same(JSON.parse(await succeed(t, 'node', 'remote.mjs')), {
    values: [3, 7],
    failure: [true, 'RangeError'],
    refused: 'invalid-parameter',
  });
});
