/** The program that runs the tests: its counts, its exit code, and that it leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { CommandReader } from './runner/command-reader.js';
import { runToEnd } from './support/run-to-end.js';
import { until } from './support/until.js';

const RUNNER = fileURLToPath(new URL('./runner/main.js', import.meta.url));
const TAP = `import t from ${JSON.stringify(import.meta.resolve('tap'))};\n`;
/** Never ends by itself, and says the id of a program that would not either. */
const HANGS = `import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
const { pid } = spawn('sleep', ['100000'], { stdio: 'inherit' });
writeFileSync(process.argv[1] + '.new', String(pid));
renameSync(process.argv[1] + '.new', process.argv[1] + '.pid');
console.log('started');`;

/** Starts the runner on files of these texts; `at` is where they are, in order. */
async function start(t: Test, texts: readonly string[], ...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'resultd-runner-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const at = texts.map((_, index) => join(folder, `file-${index}.mjs`));
  for (const [index, text] of texts.entries()) await writeFile(at[index]!, text);
  const child = spawn(process.execPath, [RUNNER, ...args, ...at], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { child, at };
}

const pidIn = async (path: string): Promise<number> =>
  Number(await readFile(`${path}.pid`, 'utf8'));

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

t.test('all is well: the counts are of tests, and it ends with 0', async (t) => {
  const { child } = await start(t, [
    `${TAP}t.test('a', async (t) => { t.ok(1); t.ok(1); });
     t.test('b', async (t) => { await t.test('c', async (t) => t.ok(1)); t.test('d', { skip: 'no' }); });`,
    `${TAP}t.ok(1);`,
  ]);
  const { code, output } = await runToEnd(child);
  t.equal(code, 0);
  t.match(output, /^2 files and checks, 2 at a time\n/);
  t.match(output, /2 passed, 1 skipped\n/);
  t.match(output, /\nskipped: \S+file-0.mjs: b > d \(no\)\n/);
  t.match(output, /0 failed; tests: 1 skipped\n3 passed, 0 failed\n$/);
});

t.test('each failure has its file, its name and its message, and it ends with 1', async (t) => {
  const { child } = await start(t, [
    `${TAP}t.test('outer', async (t) => {
       await t.test('inner', async (t) => { t.equal(1, 2, 'one is two'); t.equal(3, 4); });
       await t.test('thrown', async () => { throw new Error('out of order'); });
       await t.test('good', async (t) => t.ok(1));
     });`,
    `${TAP}t.test('before', async (t) => t.ok(1)); t.test('never ends', () => new Promise(() => {}));`,
    `throw new Error('it does not even start');`,
    `${TAP}t.ok(1); process.exit(7);`,
  ]);
  const { code, output } = await runToEnd(child);
  t.equal(code, 1);
  for (const said of [
    /file-0.mjs\n {2}outer > inner\n {4}one is two\n[\s\S]*-2\n {4}\+1\n[\s\S]*\(and 1 more\)/,
    /file-0.mjs\n {2}outer > thrown\n {4}out of order/,
    /file-1.mjs\n {2}never ends\n/,
    /file-2.mjs\n[\s\S]*it does not even start/,
    /file-3.mjs\n/,
  ]) {
    t.match(output, said);
  }
  t.match(output, /\n4 files and checks in \d+ s: 4 failed; [^\n]*\n\d passed, [5-7] failed\n$/);
});

t.test('a file that hangs is ended with all that it started, and has failed', async (t) => {
  const { child, at } = await start(t, [`${HANGS} setInterval(() => {}, 1000);`], '--silence', '3');
  const { code, output } = await runToEnd(child);
  t.equal(code, 1);
  t.match(output, /as a whole\n {4}it hung/);
  t.match(output, /started/, 'what it said is shown');
  const pid = await pidIn(at[0]!);
  await until('what it started has ended', () => !isRunning(pid));
});

t.test('a file without a test is not passed over in silence', async (t) => {
  const { child } = await start(t, [`import ${JSON.stringify(import.meta.resolve('tap'))};`]);
  const { code, output } = await runToEnd(child);
  const isStrict = process.env.CI === 'true';
  t.equal(code, isStrict ? 1 : 0);
  t.match(output, isStrict ? /as a whole\n +nothing was run/ : /skipped: \S+: nothing was run/);
});

t.test('a file that ends leaves nothing behind', async (t) => {
  const { child, at } = await start(t, [`${HANGS} process.exit();`]);
  await once(child, 'close');
  const pid = await pidIn(at[0]!);
  await until('what it started has ended', () => !isRunning(pid));
});

t.test('whoever stops the run stops all of its files', async (t) => {
  const { child, at } = await start(t, [`${HANGS} setInterval(() => {}, 1000);`]);
  await until('it runs', () => existsSync(`${at[0]}.pid`));
  child.kill('SIGTERM');
  t.same(await once(child, 'close'), [1, null]);
  const pid = await pidIn(at[0]!);
  await until('what it started has ended', () => !isRunning(pid));
});

t.test('pytest is read by its own counts, and another check is one test', (t) => {
  const read = (text: string, code: number) => {
    const reader = new CommandReader();
    for (const piece of text.match(/[\s\S]{1,7}/g) ?? []) reader.write(piece);
    return reader.end(code);
  };
  const failures = [{ name: 'tests/test_a.py::test_b', message: 'assert 1 == 2' }];
  t.same(
    read(
      'All checks passed!\nFAILED tests/test_a.py::test_b - assert 1 == 2\n' +
        'SKIPPED [2] tests/test_c.py:9: too old\n' +
        '==== 1 failed, 20 passed, 2 skipped in 3.21s ====\n= 5 passed in 61.00s (0:01:01) =\n',
      1,
    ),
    { passed: 25, skips: ['SKIPPED [2] tests/test_c.py:9: too old'], failures },
  );
  t.same(read('All checks passed!\n', 0), { passed: 1, skips: [], failures: [] });
  t.same(read('no\n', 1), { passed: 0, skips: [], failures: [] }, 'it failed as a whole');
  t.match(read('The tests are not run: there is no python3\n', 0), {
    passed: 0,
    skips: ['The tests are not run: there is no python3'],
  });
  t.end();
});
