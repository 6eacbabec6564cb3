/**
 * Both packages, `resultd` and `resultd-client`, as their users get them: packed, installed in empty
 * projects, and run on the oldest Node that they promise and on the newest of later lines.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { VERSION } from '../src/version.js';
import { ROOT } from './support/markdown.js';
import { nodeRelease } from './support/node-versions.js';
import { ServiceProcess } from './support/service-process.js';

const RELEASES = ['20.19.0', '24', '26'];
const CLIENT = join(ROOT, 'clients/typescript');
const run = promisify(execFile);
const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];

/** Packs a package, and installs it in a project that is empty but for it. */
async function install(t: Test, source: string, name: string): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), `${name}-`));
  t.teardown(() => rm(project, { recursive: true }));
  await writeFile(join(project, 'package.json'), '{"name": "empty", "type": "module"}');
  await run('npm', ['pack', source, '--ignore-scripts', '--pack-destination', project]);
  await run('npm', ['install', ...quiet, `./${name}-${VERSION}.tgz`], { cwd: project });
  return project;
}

/** What a client does, as a program. */
const PROGRAM = `
import { Broker, gather, TaskFailedError, Worker } from 'resultd-client';
const broker = await Broker.fromUrl(process.argv[2]);
const worker = new Worker(broker);
const add = worker.register('add', (a, b) => a + b);
const fail = worker.register('fail', () => { throw new RangeError('no'); });
await worker.start();
const { results } = await gather([await add.kiq(1, 2), await add.kiq(3, 4)]);
const error = await (await fail.kiq()).value().catch((error) => error);
await worker.stop();
await broker.shutdown();
const values = results.map((result) => result.returnValue);
console.log(JSON.stringify([values, error instanceof TaskFailedError, error.type]));
`;

const TYPES = `
import { Broker, type ResultBackend, Task } from 'resultd-client';
export async function sum(): Promise<number> {
  const broker = await Broker.fromUrl('http://127.0.0.1:1');
  const backend: ResultBackend = broker.resultBackend;
  await backend.ping();
  return new Task<number>(broker, 'id').value();
}
`;

const service = await install(t, ROOT, 'resultd');
await run(process.execPath, [join(ROOT, 'scripts/build-client.mjs')]);
const client = await install(t, CLIENT, 'resultd-client');

t.test('the client is of the service’s version, and needs undici alone', async (t) => {
  const read = async (file: string) => JSON.parse(await readFile(file, 'utf8'));
  const own = await read(join(ROOT, 'package.json'));
  const { version, engines, dependencies } = await read(join(CLIENT, 'package.json'));
  t.same({ version, engines }, { version: own.version, engines: own.engines });
  t.same(dependencies, { undici: own.dependencies.undici });
  const modules = await readdir(join(client, 'node_modules'));
  t.same(modules.filter((name) => !name.startsWith('.')).sort(), ['resultd-client', 'undici']);
  for (const name of ['http', 'redis', 'lmdb', 'memory', 'nats', 'postgres']) {
    const files = await readdir(join(client, 'node_modules/resultd-client/dist/src/backends'));
    t.equal(files.includes(name), name === 'http', name);
  }
});

t.test('its types compile', async () => {
  await writeFile(join(client, 'types.ts'), TYPES);
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
  const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023'];
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  await run(tsc, [...strict, ...types, '--ignoreConfig', 'types.ts'], { cwd: client });
});

t.test('a source map of what is shipped has the source', async (t) => {
  const file = join(client, 'node_modules/resultd-client/dist/src/task.js.map');
  const { sourcesContent } = JSON.parse(await readFile(file, 'utf8'));
  t.match(sourcesContent?.[0], 'export class Task', 'inside');
});

for (const release of RELEASES) {
  t.test(`Node ${release} runs the service and its client`, async (t) => {
    const node = join(await nodeRelease(release), 'node');
    const main = join(service, 'node_modules/resultd/dist/src/main.js');
    const { origin } = await ServiceProcess.start(t, {
      program: [node, main],
      flags: ['--backend', 'lmdb:./data'],
      cwd: service,
    });
    const program = join(client, 'program.mjs');
    await writeFile(program, PROGRAM);
    const { stdout } = await run(node, [program, origin], { cwd: client });
    t.same(JSON.parse(stdout), [[3, 7], true, 'RangeError']);
  });
}
