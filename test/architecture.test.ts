/** The rules of the architecture, held against every import of the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STORE_CLIENTS: Readonly<Record<string, string>> = {
  lmdb: 'src/backends/lmdb/',
  ioredis: 'src/backends/redis/',
  pg: 'src/backends/postgres/',
  undici: 'src/backends/http/',
  '@nats-io/transport-node': 'src/backends/nats/',
};

interface Module {
  readonly file: string;
  readonly text: string;
  /** Packages by name, files by their path from the root. */
  readonly imports: readonly string[];
}

function readModules(): Module[] {
  return ['src', 'routes', 'schemas'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readModule(join(folder, name))),
  );
}

function readModule(file: string): Module {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const specifiers = [
    ...text.matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'/gms),
    ...text.matchAll(/^import\s+'([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'\)/g),
  ].map((match) => match[1]!);
  const imports = specifiers.map((specifier) =>
    specifier.startsWith('.')
      ? normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier.replace(/^((@[^/]+\/)?[^/]+).*$/, '$1'),
  );
  return { file, text, imports };
}

const modules = readModules();
const isBackend = (file: string): boolean => file.startsWith('src/backends/');
const folderOf = (file: string): string => file.split('/').slice(0, 3).join('/');

/** Everything that a module imports, directly or not. Lazy imports are followed too. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  for (const name of modules.find((module) => module.file === file)?.imports ?? []) {
    if (seen.has(name)) continue;
    seen.add(name);
    reach(name, seen);
  }
  return seen;
}

t.test('the rules see the modules that they are about', async (t) => {
  t.ok(modules.length > 30, `${modules.length} modules`);
  for (const file of ['src/broker.ts', 'src/app.ts', 'routes/results.ts', 'schemas/tasks.ts']) {
    t.ok(
      modules.some((module) => module.file === file && module.imports.length > 0),
      file,
    );
  }
});

/** What everything may import; each of them, only the ones before it. */
const BASE = ['errors', 'units', 'timing', 'version'];
/** What each room may import beside itself and the base. A part and the folder of its name are one room. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  json: [],
  record: ['json'],
  'result-backend': ['json', 'record'],
  waits: ['record', 'result-backend'],
  'wait-hub': ['record', 'result-backend', 'waits'],
  events: ['record', 'result-backend', 'waits'],
  task: ['json', 'record', 'result-backend', 'waits', 'wait-hub'],
  worker: ['json', 'record', 'result-backend', 'task'],
  backends: ['json', 'record', 'result-backend'],
  http: ['json', 'record', 'result-backend', 'waits', 'wait-hub'],
  service: ['app', 'broker', 'config'],
  config: ['record', 'broker'],
  cli: ['json', 'record', 'result-backend', 'waits', 'task', 'broker', 'config'],
};
/** The parts at the root that are made of rooms, and may import any. */
const ROOTS = ['app', 'broker', 'client', 'index', 'main'];

const roomOf = (file: string): string => file.split('/')[1]!.replace(/\.ts$/, '');

t.test('every file has its room, and each room imports what it may', async (t) => {
  for (const { file, imports } of modules.filter(({ file }) => file.startsWith('src/'))) {
    const room = roomOf(file);
    if (ROOTS.includes(room)) continue;
    const allowed = BASE.includes(room)
      ? BASE.slice(0, BASE.indexOf(room))
      : [room, ...BASE, ...(ROOMS[room] ?? [])];
    t.ok(BASE.includes(room) || room in ROOMS, `${file}: there is a room for it`);
    for (const name of imports.filter((name) => /^(src|routes|schemas)\//.test(name))) {
      t.ok(name.startsWith('src/') && allowed.includes(roomOf(name)), `${file}: ${name}`);
    }
  }
});

t.test('whoever opens src sees the parts, and nothing else', async (t) => {
  const atRoot = modules.filter(
    ({ file }) => file.split('/').length === 2 && file.startsWith('src/'),
  );
  t.ok(atRoot.length <= 16, `${atRoot.length} files`);
});

t.test('no file imports, in however many steps, a file that imports it', async (t) => {
  for (const { file } of modules) t.notOk(reach(file).has(file), `${file} imports itself`);
});

t.test('schemas import only typebox and themselves', async (t) => {
  for (const { file, imports } of modules.filter(({ file }) => file.startsWith('schemas/'))) {
    for (const name of imports)
      t.ok(name === 'typebox' || name.startsWith('schemas/'), `${file}: ${name}`);
  }
});

t.test('contract, Task and Worker reach no framework, store client or backend', async (t) => {
  const files = ['result-backend', 'errors', 'wait-hub', 'task', 'task/gather', 'worker'];
  for (const file of files.map((name) => `src/${name}.ts`)) {
    t.ok(reach(file).size > 0 || file === 'src/errors.ts', file);
    for (const name of reach(file)) {
      const isForeign = !name.startsWith('src/') && !name.startsWith('node:');
      t.notOk(isForeign || isBackend(name) || name.startsWith('src/http/'), `${file}: ${name}`);
    }
  }
});

t.test('a backend imports no other, no route and no framework', async (t) => {
  for (const { file, imports } of modules.filter(({ file }) => isBackend(file))) {
    for (const name of imports) {
      const isOther = isBackend(name) && folderOf(name) !== folderOf(file);
      t.notOk(
        isOther || name.startsWith('routes/') || name.includes('fastify'),
        `${file}: ${name}`,
      );
    }
  }
});

t.test("a store's client appears in its own backend alone", async (t) => {
  for (const { file, imports } of modules) {
    for (const name of imports) {
      const home = STORE_CLIENTS[name];
      if (home !== undefined) t.ok(file.startsWith(home), `${file}: ${name}`);
    }
  }
});

t.test('only the brokers name concrete backends, and they load them lazily', async (t) => {
  const home = { 'src/broker.ts': /^src\/backends\//, 'src/client.ts': /^src\/backends\/http\// };
  for (const { file, imports, text } of modules.filter(({ file }) => !isBackend(file))) {
    const named = imports.filter(isBackend);
    const allowed = home[file as keyof typeof home];
    for (const name of named) t.ok(allowed?.test(name), `${file}: ${name}`);
    t.notMatch(text, /^import (?!type\b)[^;]*backends\//m, `${file} has no static import of one`);
  }
});

t.test('a client reaches the HTTP backend and its client, and nothing else', async (t) => {
  const reached = [...reach('src/client.ts')].filter((name) => !name.startsWith('node:'));
  t.ok(reached.includes('src/backends/http/http-backend.ts'));
  t.ok(reached.includes('src/worker.ts'));
  for (const name of reached) {
    const isOurs = name.startsWith('src/') && !/^src\/(app|broker|http\/)/.test(name);
    const isRemote = !isBackend(name) || name.startsWith('src/backends/http/');
    t.ok(name === 'undici' || (isOurs && isRemote), name);
  }
});

t.test('routes know the contract and the wait hub, not a backend nor the broker', async (t) => {
  for (const { file, imports } of modules.filter(({ file }) => file.startsWith('routes/'))) {
    for (const name of imports)
      t.notOk(isBackend(name) || name === 'src/broker.ts', `${file}: ${name}`);
  }
});

t.test('only the configuration reads the environment', async (t) => {
  for (const { file, text } of modules) {
    if (/\bprocess\.env\b/.test(text)) t.ok(/^src\/(config|main)\.ts$/.test(file), file);
  }
  const entry = modules.find(({ file }) => file === 'src/main.ts');
  t.match(
    entry?.text,
    /\(process\.argv\.slice\(2\), process\.env\)/,
    'the entry point hands it on',
  );
  t.equal(entry?.text.match(/process\.env/g)?.length, 1, 'and does nothing else with it');
});

t.test(
  'only the entry point and what serves handle signals and end the process, only the server listens',
  async (t) => {
    for (const { file, text } of modules) {
      if (/process\.(exit|on)\b|closeWithGrace/.test(text)) {
        t.ok(['src/main.ts', 'src/service/serve.ts'].includes(file), file);
      }
      if (/\.listen\(/.test(text)) t.equal(file, 'src/service/server.ts');
    }
  },
);

t.test(
  'the command line loads no framework, store client or HTTP client before it is asked to',
  async (t) => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      const { text } = modules.find((module) => module.file === file) ?? { text: '' };
      // Only what is loaded with the file itself: neither types nor `import()`.
      for (const [, specifier] of text.matchAll(
        /^(?:import|export)\s(?!type\b)[^;]*?from\s+'([\w@./:-]+)'/gms,
      )) {
        const name = specifier!.startsWith('.')
          ? normalize(join(dirname(file), specifier!)).replace(/\.js$/, '.ts')
          : specifier!;
        if (seen.has(name)) continue;
        seen.add(name);
        visit(name);
      }
    };
    const files = modules.map(({ file }) => file).filter((file) => file.startsWith('src/cli/'));
    for (const file of ['src/main.ts', ...files]) visit(file);
    t.ok(seen.has('src/broker.ts') && files.length > 10, `${seen.size} modules`);
    for (const name of seen) {
      t.ok(/^(src\/|node:|string-width$)/.test(name) && !isBackend(name), name);
    }
  },
);

t.test('files stay of a size that one can read', async (t) => {
  for (const { file, text } of modules) {
    const lines = text.split('\n').length;
    // The contract is one class; most of its lines say what a method promises.
    const limit = file === 'src/result-backend.ts' ? 400 : 300;
    t.ok(lines <= limit, `${file} has ${lines} lines`);
  }
});
